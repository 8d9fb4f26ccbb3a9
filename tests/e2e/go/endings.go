package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// The cases of the client that are about a call's end and its metadata.

func cancelAfterBegin(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	stream, err := connection.NewStream(ctx, &up, service+"StreamingInputCall")
	if err != nil {
		cancel()
		return err
	}
	cancel()
	return ended(stream.RecvMsg(&StreamingInputCallResponse{}), codes.Canceled, "*")
}

func cancelAfterFirstResponse(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	stream, err := duplex(ctx, connection)
	if err != nil {
		return err
	}
	request := StreamingOutputCallRequest{ResponseParameters: outputs(31415), Payload: zeros(27182)}
	if err := stream.SendMsg(&request); err != nil {
		return err
	}
	if err := received(stream, 31415); err != nil {
		return err
	}
	cancel()
	return ended(stream.RecvMsg(&StreamingOutputCallResponse{}), codes.Canceled, "*")
}

func timeoutOnSleepingServer(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	stream, err := duplex(ctx, connection)
	if err == nil {
		_ = stream.SendMsg(&StreamingOutputCallRequest{Payload: zeros(27182)}) // may be too late: what counts is the status
		err = stream.RecvMsg(&StreamingOutputCallResponse{})
	}
	return ended(err, codes.DeadlineExceeded, "*")
}

func customMetadata(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	const initial, trailing = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
	value := string([]byte{0xab, 0xab, 0xab})
	ctx = metadata.AppendToOutgoingContext(ctx, initial, "test_initial_metadata_value", trailing, value)
	header, trailer := metadata.MD{}, metadata.MD{}
	request := &SimpleRequest{ResponseSize: largeOut, Payload: zeros(largeIn)}
	if err := connection.Invoke(ctx, service+"UnaryCall", request, &SimpleResponse{}, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		return err
	}
	if err := echoed(header, trailer, initial, trailing, value); err != nil {
		return err
	}
	stream, err := duplex(ctx, connection)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&StreamingOutputCallRequest{ResponseParameters: outputs(largeOut), Payload: zeros(largeIn)}); err != nil {
		return err
	}
	if err := received(stream, largeOut); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := over(stream); err != nil {
		return err
	}
	header, err = stream.Header()
	if err != nil {
		return err
	}
	return echoed(header, stream.Trailer(), initial, trailing, value)
}

func echoed(header, trailer metadata.MD, initial, trailing, value string) error {
	if seen := header.Get(initial); len(seen) != 1 || seen[0] != "test_initial_metadata_value" {
		return fmt.Errorf("initial metadata %q", seen)
	}
	if seen := trailer.Get(trailing); len(seen) != 1 || seen[0] != value {
		return fmt.Errorf("trailing metadata %q", seen)
	}
	return nil
}

func statusWith(connection *grpc.ClientConn, message string) error {
	ctx, cancel := within()
	defer cancel()
	echo := &EchoStatus{Code: 2, Message: message}
	err := connection.Invoke(ctx, service+"UnaryCall", &SimpleRequest{ResponseStatus: echo}, &SimpleResponse{})
	if err := ended(err, codes.Unknown, message); err != nil {
		return err
	}
	stream, err := duplex(ctx, connection)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&StreamingOutputCallRequest{ResponseStatus: echo}); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return ended(stream.RecvMsg(&StreamingOutputCallResponse{}), codes.Unknown, message)
}

func statusCodeAndMessage(connection *grpc.ClientConn) error {
	return statusWith(connection, "test status message")
}

func specialStatusMessage(connection *grpc.ClientConn) error {
	return statusWith(connection, special)
}

func unimplementedMethod(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	return ended(connection.Invoke(ctx, service+"UnimplementedCall", &Empty{}, &Empty{}), codes.Unimplemented, "*")
}

func unimplementedService(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	err := connection.Invoke(ctx, "/grpc.testing.UnimplementedService/UnimplementedCall", &Empty{}, &Empty{})
	return ended(err, codes.Unimplemented, "*")
}
