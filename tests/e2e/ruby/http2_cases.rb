# The calls of gRPC's misbehaving-HTTP/2-server cases, with Ruby's client; a line of JSON per case says what became of them.
#
#   ruby http2_cases.rb ADDRESS PAUSE CASE…      PAUSE: seconds after each call of goaway
require 'grpc'
require 'json'

RAW = ->(message) { message }
LOCAL = { 'grpc.use_local_subchannel_pool' => 1 }.freeze

def call(stub, name)
  answer = stub.request_response("/verdigris.test.Http2/#{name}", "\0" * 271_828, RAW, RAW, deadline: Time.now + 20)
  [0, answer.bytesize]
rescue GRPC::BadStatus => e
  warn "#{name}: #{e.message}"
  [e.code, 0]
end

address, pause, *names = ARGV
names.each do |name|
  stub = GRPC::ClientStub.new(address, :this_channel_is_insecure, channel_args: LOCAL)
  outcomes = [call(stub, name)]
  if name == 'goaway'
    sleep pause.to_f
    outcomes << call(stub, name)
    sleep pause.to_f
  end
  outcomes += Array.new(10) { Thread.new { call(stub, name) } }.map(&:value) if name == 'max_streams'
  puts JSON.generate(case: name, outcomes: outcomes)
end
