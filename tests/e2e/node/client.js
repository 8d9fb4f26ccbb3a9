// Node's gRPC client against tests/e2e/backends/scripted.py: one case per run, named on the command line.
//
//   node client.js ADDRESS CASE      exit status 0: the case passed;   node client.js --list: the cases
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const grpc = require('@grpc/grpc-js');

const LARGE = 64 << 20;
const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const SMALL_WINDOWS = { ...UNLIMITED, 'grpc-node.flow_control_window': 4096 };
const raw = (message) => message;
const method = (name) => `/verdigris.test.Scripted/${name}`;
const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });
const identity = () => crypto.randomUUID();

let address;
const clients = [];

function client(options = UNLIMITED) {
  const made = new grpc.Client(address, grpc.credentials.createInsecure(), options);
  clients.push(made);
  return made;
}

function metadata(entries = {}) {
  const made = new grpc.Metadata();
  for (const [name, values] of Object.entries(entries)) for (const value of [values].flat()) made.add(name, value);
  return made;
}

// A unary call: {answer, initial, trailing}, or the error with its code, details and metadata.
function unary(stub, name, request, entries, options = within(30)) {
  return new Promise((resolve, reject) => {
    const seen = {};
    const call = stub.makeUnaryRequest(method(name), raw, raw, request, metadata(entries), options, (error, answer) => {
      seen.answer = answer;
      error ? reject(error) : setImmediate(() => resolve(seen));
    });
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('status', (status) => { seen.trailing = status.metadata; });
  });
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'the call should have been refused' });
}

async function collected(stream) {
  const answers = [];
  for await (const answer of stream) answers.push(answer);
  return answers;
}

const pour = (stub, count, size) =>
  stub.makeServerStreamRequest(method('Pour'), raw, raw, Buffer.from(JSON.stringify([count, size])),
    metadata({ 'x-id': identity() }), within(60));

function inOrder(answers, count, size) {
  assert.equal(answers.length, count);
  answers.forEach((answer, number) => {
    assert.equal(answer.readUInt32BE(0), number);
    assert.equal(answer.length, size);
  });
}

async function echoedStream(stub, messages) {
  const call = stub.makeBidiStreamRequest(method('Echo'), raw, raw, metadata(), within(60));
  const answers = collected(call);
  for (const message of messages) if (!call.write(message)) await new Promise((done) => call.once('drain', done));
  call.end();
  assert.deepEqual(await answers, messages);
}

async function counted(stub, sizes) {
  const answer = await new Promise((resolve, reject) => {
    const call = stub.makeClientStreamRequest(method('Count'), raw, raw, metadata(), within(30),
      (error, value) => (error ? reject(error) : resolve(value)));
    sizes.forEach((size) => call.write(Buffer.alloc(size, 7)));
    call.end();
  });
  assert.deepEqual(JSON.parse(answer), [sizes.length, sizes.reduce((sum, size) => sum + size, 0)]);
}

async function held(stub, options) {
  const name = identity();
  const call = stub.makeServerStreamRequest(method('Hold'), raw, raw, Buffer.alloc(0), metadata({ 'x-id': name }), options);
  const over = new Promise((resolve) => call.on('error', resolve));
  await new Promise((resolve) => call.on('data', resolve));
  return { call, over, ended: async () => JSON.parse((await unary(stub, 'Ended', Buffer.from(name))).answer) };
}

const CASES = {
  async unary() {
    const { answer, initial } = await unary(client(), 'Echo', Buffer.from('hello'));
    assert.equal(answer.toString(), 'hello');
    console.log(`answered by ${initial.get('x-backend')[0]}, color ${initial.get('x-verdigris-color')[0]}`);
  },
  async client_stream() {
    await counted(client(), [0, 1, 16384, 65535, 65536, 300000]);
  },
  async server_stream() {
    inOrder(await collected(pour(client(), 300, 5000)), 300, 5000);
  },
  async both_ways() {
    await echoedStream(client(), Array.from({ length: 200 }, (_, number) => Buffer.alloc(number * 50, number)));
  },
  async large_messages_both_ways() {
    const message = Buffer.alloc(LARGE, crypto.randomBytes(1 << 20));
    assert.ok((await unary(client(), 'Echo', message, {}, within(90))).answer.equals(message));
  },
  async small_windows() {
    const stub = client(SMALL_WINDOWS);
    inOrder(await collected(pour(stub, 100, 20000)), 100, 20000);
    await echoedStream(stub, Array.from({ length: 50 }, (_, number) => Buffer.alloc(number * 1000, number)));
  },
  async slow_reader() {
    const answers = [];
    for await (const answer of pour(client(SMALL_WINDOWS), 200, 10000)) {
      answers.push(answer);
      if (answers.length % 50 === 0) await new Promise((done) => setTimeout(done, 100));
    }
    inOrder(answers, 200, 10000);
  },
  async many_parallel_streams() {
    const stub = client();
    const messages = (number) => Array.from({ length: 5 }, (_, turn) => Buffer.alloc(100 * turn, number));
    await Promise.all(Array.from({ length: 200 }, (_, number) => echoedStream(stub, messages(number))));
  },
  async binary_metadata() {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const entries = { 'x-code': '5', 'x-details': '6e6f', 'x-bytes-bin': [every, Buffer.from([0, 1])], 'x-twice': ['a', 'b'] };
    const { answer } = await unary(client(), 'Metadata', Buffer.alloc(0), entries);
    const seen = JSON.parse(answer).filter(([name]) => name === 'x-bytes-bin' || name === 'x-twice');
    assert.deepEqual(seen, [
      ['x-bytes-bin', every.toString('hex')], ['x-bytes-bin', '0001'],
      ['x-twice', Buffer.from('a').toString('hex')], ['x-twice', Buffer.from('b').toString('hex')],
    ]);
  },
  async status_details() {
    const entries = { 'x-code': '9', 'x-details': Buffer.from('no: 100 % €').toString('hex') };
    const error = await refusal(unary(client(), 'Refuse', Buffer.alloc(0), entries));
    assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
    assert.equal(error.details, 'no: 100 % €');
    const [details] = error.metadata.get('grpc-status-details-bin');
    assert.deepEqual([...details], Array.from({ length: 256 }, (_, byte) => byte));
  },
  async early_ends() {
    const stub = client();
    const entries = { 'x-code': '8', 'x-details': '6e6f' };
    for (let round = 0; round < 10; round += 1) {
      const errors = await Promise.all(Array.from({ length: 50 }, (_, number) =>
        refusal(unary(stub, 'Refuse', Buffer.alloc(number % 2 ? 100000 : 10), entries))));
      errors.forEach((error) => assert.deepEqual([error.code, error.details], [grpc.status.RESOURCE_EXHAUSTED, 'no']));
    }
  },
  async unimplemented() {
    const error = await refusal(unary(client(), 'Nothing', Buffer.alloc(0)));
    assert.equal(error.code, grpc.status.UNIMPLEMENTED);
  },
  async deadline() {
    const { over, ended } = await held(client(), within(0.5));
    assert.equal((await over).code, grpc.status.DEADLINE_EXCEEDED);
    assert.equal(await ended(), true);
  },
  async cancellation() {
    const { call, over, ended } = await held(client(), within(60));
    call.cancel();
    assert.equal((await over).code, grpc.status.CANCELLED);
    assert.equal(await ended(), true);
  },
};

async function main() {
  const [where, name] = process.argv.slice(2);
  if (where === '--list') {
    console.log(Object.keys(CASES).join(','));
    return;
  }
  address = where;
  await CASES[name]();
  console.log(`OK: ${name}`);
  clients.forEach((each) => each.close());
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
