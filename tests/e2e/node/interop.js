// gRPC's interop cases with grpc-js ("Interoperability Test Case Descriptions", those without credentials).
//
//   node interop.js ADDRESS CASE…      prints "OK: CASE"; exit status 1 at the first that fails
//   node interop.js --list             the cases
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const { testing } = grpc.loadPackageDefinition(
  loader.loadSync(path.join(__dirname, 'interop.proto'), { keepCase: true })).grpc;

const LARGE_IN = 271828;
const LARGE_OUT = 314159;
const REQUESTS = [27182, 8, 1828, 45904];
const RESPONSES = [31415, 9, 2653, 58979];
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';

const within = (seconds = 20) => ({ deadline: Date.now() + seconds * 1000 });
const zeros = (size) => ({ body: Buffer.alloc(size) });
const output = (size, sent) => ({ response_parameters: [{ size }], payload: zeros(sent) });

function unary(stub, method, request, metadata = new grpc.Metadata()) {
  const seen = {};
  return new Promise((resolve, reject) => {
    const call = stub[method](request, metadata, within(), (error, answer) => {
      seen.answer = answer;
      error ? reject(error) : setImmediate(() => resolve(seen));
    });
    call.on('metadata', (initial) => { seen.initial = initial; });
    call.on('status', (status) => { seen.trailing = status.metadata; });
  });
}

// Resolves with the status of a stream, once it has one; `next()` with the size of its next message, or null.
function follow(call) {
  const seen = { sizes: [], waiting: [] };
  const give = (value) => (seen.waiting.length ? seen.waiting.shift()(value) : seen.sizes.push(value));
  call.on('data', (answer) => give(answer.payload.body.length));
  call.on('end', () => give(null));
  call.on('error', () => {});
  call.on('metadata', (initial) => { seen.initial = initial; });
  seen.over = new Promise((resolve) => call.on('status', resolve));
  seen.next = () => (seen.sizes.length ? Promise.resolve(seen.sizes.shift()) : new Promise((resolve) => seen.waiting.push(resolve)));
  return seen;
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'the call should have been refused' });
}

async function status(stub, message) {
  const response_status = { code: 2, message };
  const error = await refused(unary(stub, 'UnaryCall', { response_status }));
  assert.deepEqual([error.code, error.details], [2, message]);
  const call = stub.FullDuplexCall(within());
  const seen = follow(call);
  call.write({ response_status });
  call.end();
  const { code, details } = await seen.over;
  assert.deepEqual([code, details], [2, message]);
}

const CASES = {
  async empty_unary(stub) {
    assert.deepEqual((await unary(stub, 'EmptyCall', {})).answer, {});
  },
  async large_unary(stub) {
    const { answer } = await unary(stub, 'UnaryCall', { response_size: LARGE_OUT, payload: zeros(LARGE_IN) });
    assert.ok(answer.payload.body.equals(Buffer.alloc(LARGE_OUT)));
  },
  async client_streaming(stub) {
    const answer = await new Promise((resolve, reject) => {
      const call = stub.StreamingInputCall(within(), (error, value) => (error ? reject(error) : resolve(value)));
      REQUESTS.forEach((size) => call.write({ payload: zeros(size) }));
      call.end();
    });
    assert.equal(answer.aggregated_payload_size, 74922);
  },
  async server_streaming(stub) {
    const seen = follow(stub.StreamingOutputCall({ response_parameters: RESPONSES.map((size) => ({ size })) }, within()));
    for (const size of [...RESPONSES, null]) assert.equal(await seen.next(), size);
    assert.equal((await seen.over).code, 0);
  },
  async ping_pong(stub) {
    const call = stub.FullDuplexCall(within());
    const seen = follow(call);
    for (const [index, size] of RESPONSES.entries()) {
      call.write(output(size, REQUESTS[index]));
      assert.equal(await seen.next(), size);
    }
    call.end();
    assert.equal(await seen.next(), null);
    assert.equal((await seen.over).code, 0);
  },
  async empty_stream(stub) {
    const call = stub.FullDuplexCall(within());
    const seen = follow(call);
    call.end();
    assert.equal(await seen.next(), null);
    assert.equal((await seen.over).code, 0);
  },
  async cancel_after_begin(stub) {
    const error = await refused(new Promise((resolve, reject) => {
      const call = stub.StreamingInputCall(within(), (failure, value) => (failure ? reject(failure) : resolve(value)));
      setImmediate(() => call.cancel());
    }));
    assert.equal(error.code, grpc.status.CANCELLED);
  },
  async cancel_after_first_response(stub) {
    const call = stub.FullDuplexCall(within());
    const seen = follow(call);
    call.write(output(31415, 27182));
    assert.equal(await seen.next(), 31415);
    call.cancel();
    assert.equal((await seen.over).code, grpc.status.CANCELLED);
  },
  async timeout_on_sleeping_server(stub) {
    const call = stub.FullDuplexCall(within(0.001));
    const seen = follow(call);
    call.write({ payload: zeros(27182) });
    assert.equal((await seen.over).code, grpc.status.DEADLINE_EXCEEDED);
  },
  async custom_metadata(stub) {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, 'test_initial_metadata_value');
    metadata.set(TRAILING, Buffer.from('ababab', 'hex'));
    const check = (initial, trailing) => {
      assert.deepEqual(initial.get(INITIAL), ['test_initial_metadata_value']);
      assert.deepEqual(trailing.get(TRAILING), [Buffer.from('ababab', 'hex')]);
    };
    const answered = await unary(stub, 'UnaryCall', { response_size: LARGE_OUT, payload: zeros(LARGE_IN) }, metadata);
    check(answered.initial, answered.trailing);
    const call = stub.FullDuplexCall(metadata, within());
    const seen = follow(call);
    call.write(output(LARGE_OUT, LARGE_IN));
    assert.equal(await seen.next(), LARGE_OUT);
    call.end();
    check(seen.initial, (await seen.over).metadata);
  },
  status_code_and_message: (stub) => status(stub, 'test status message'),
  special_status_message: (stub) => status(stub, SPECIAL),
  async unimplemented_method(stub) {
    assert.equal((await refused(unary(stub, 'UnimplementedCall', {}))).code, grpc.status.UNIMPLEMENTED);
  },
  async unimplemented_service(stub, other) {
    assert.equal((await refused(unary(other, 'UnimplementedCall', {}))).code, grpc.status.UNIMPLEMENTED);
  },
};

async function main() {
  const [address, ...names] = process.argv.slice(2);
  if (address === '--list') {
    console.log(Object.keys(CASES).sort().join(','));
    return;
  }
  const stubs = [testing.TestService, testing.UnimplementedService].map(
    (Service) => new Service(address, grpc.credentials.createInsecure()));
  for (const name of names) {
    await CASES[name](...stubs);
    console.log(`OK: ${name}`);
  }
  stubs.forEach((stub) => stub.close());
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
