# Keeps gRPC's interop server on loopback: by itself it listens on every interface.
require 'grpc'

module Loopback
  def add_http2_port(address, credentials)
    super(address.sub('0.0.0.0', '127.0.0.1'), credentials)
  end
end

GRPC::RpcServer.prepend(Loopback)
