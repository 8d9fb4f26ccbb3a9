package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The server's side of the interop cases.

func run(server *grpc.Server, port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	log.Fatal(server.Serve(listener))
}

func echo(port string) {
	run(grpc.NewServer(grpc.CustomCodec(bytesCodec{}), grpc.UnknownServiceHandler(func(_ interface{}, stream grpc.ServerStream) error {
		for {
			message := []byte{}
			if err := stream.RecvMsg(&message); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
	})), port)
}

func serve(port string) {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(largest))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "grpc.testing.TestService",
		HandlerType: (*interface{})(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "EmptyCall", Handler: emptyCall},
			{MethodName: "UnaryCall", Handler: unaryCall},
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "StreamingInputCall", Handler: streamingInputCall, ClientStreams: true},
			{StreamName: "StreamingOutputCall", Handler: streamingOutputCall, ServerStreams: true},
			{StreamName: "FullDuplexCall", Handler: streamingOutputCall, ServerStreams: true, ClientStreams: true},
		},
	}, struct{}{})
	run(server, port)
}

func echoedStatus(echo *EchoStatus) error {
	if echo == nil || echo.Code == 0 {
		return nil
	}
	return status.Error(codes.Code(echo.Code), echo.Message)
}

// What the client asks to have back, as initial and as trailing metadata.
func echoes(ctx context.Context) (header, trailer metadata.MD) {
	sent, _ := metadata.FromIncomingContext(ctx)
	header, trailer = metadata.MD{}, metadata.MD{}
	if values := sent.Get("x-grpc-test-echo-initial"); len(values) > 0 {
		header.Set("x-grpc-test-echo-initial", values...)
	}
	if values := sent.Get("x-grpc-test-echo-trailing-bin"); len(values) > 0 {
		trailer.Set("x-grpc-test-echo-trailing-bin", values...)
	}
	return
}

func emptyCall(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	return &Empty{}, decode(&Empty{})
}

func unaryCall(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	request := SimpleRequest{}
	if err := decode(&request); err != nil {
		return nil, err
	}
	header, trailer := echoes(ctx)
	if err := grpc.SetHeader(ctx, header); err != nil {
		return nil, err
	}
	if err := grpc.SetTrailer(ctx, trailer); err != nil {
		return nil, err
	}
	return &SimpleResponse{Payload: zeros(int(request.ResponseSize))}, echoedStatus(request.ResponseStatus)
}

func streamingInputCall(_ interface{}, stream grpc.ServerStream) error {
	sum := 0
	for {
		request := StreamingInputCallRequest{}
		if err := stream.RecvMsg(&request); err == io.EOF {
			return stream.SendMsg(&StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		} else if err != nil {
			return err
		}
		sum += len(request.Payload.Body)
	}
}

func streamingOutputCall(_ interface{}, stream grpc.ServerStream) error {
	header, trailer := echoes(stream.Context())
	stream.SetTrailer(trailer)
	if err := stream.SetHeader(header); err != nil {
		return err
	}
	for {
		request := StreamingOutputCallRequest{}
		if err := stream.RecvMsg(&request); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := echoedStatus(request.ResponseStatus); err != nil {
			return err
		}
		for _, parameters := range request.ResponseParameters {
			time.Sleep(time.Duration(parameters.IntervalUs) * time.Microsecond)
			if err := stream.SendMsg(&StreamingOutputCallResponse{Payload: zeros(int(parameters.Size))}); err != nil {
				return err
			}
		}
	}
}
