// The calls of gRPC's misbehaving-HTTP/2-server cases, with grpc-js; a line of JSON per case says what became of them.
//
//   node http2_cases.js ADDRESS PAUSE CASE…      PAUSE: seconds after each call of goaway
'use strict';

const { setTimeout } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');

const raw = (message) => message;

function call(client, name) {
  const deadline = { deadline: Date.now() + 20000 };
  return new Promise((resolve) => {
    client.makeUnaryRequest(`/verdigris.test.Http2/${name}`, raw, raw, Buffer.alloc(271828), new grpc.Metadata(), deadline,
      (error, answer) => {
        if (error) console.error(name, error.message);
        resolve(error ? [error.code, 0] : [0, answer.length]);
      });
  });
}

async function main() {
  const [address, pause, ...names] = process.argv.slice(2);
  for (const name of names) {
    // Without the option, clients of one process share connections, and a case its trouble with the next
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    const outcomes = [await call(client, name)];
    if (name === 'goaway') {
      await setTimeout(pause * 1000);
      outcomes.push(await call(client, name));
      await setTimeout(pause * 1000);
    }
    if (name === 'max_streams') outcomes.push(...await Promise.all(Array.from({ length: 10 }, () => call(client, name))));
    console.log(JSON.stringify({ case: name, outcomes }));
    client.close();
  }
}

main();
