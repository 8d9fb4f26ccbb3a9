package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The client's side of gRPC's "Interoperability Test Case Descriptions", as far as it needs no credentials.

const (
	service  = "/grpc.testing.TestService/"
	largeIn  = 271828
	largeOut = 314159
	special  = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
)

var (
	requestSizes  = []int{27182, 8, 1828, 45904}
	responseSizes = []int32{31415, 9, 2653, 58979}
	both          = grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	up            = grpc.StreamDesc{ClientStreams: true}
	down          = grpc.StreamDesc{ServerStreams: true}
)

var cases = map[string]func(*grpc.ClientConn) error{
	"empty_unary":                 emptyUnary,
	"large_unary":                 largeUnary,
	"client_streaming":            clientStreaming,
	"server_streaming":            serverStreaming,
	"ping_pong":                   pingPong,
	"empty_stream":                emptyStream,
	"cancel_after_begin":          cancelAfterBegin,
	"cancel_after_first_response": cancelAfterFirstResponse,
	"timeout_on_sleeping_server":  timeoutOnSleepingServer,
	"custom_metadata":             customMetadata,
	"status_code_and_message":     statusCodeAndMessage,
	"special_status_message":      specialStatusMessage,
	"unimplemented_method":        unimplementedMethod,
	"unimplemented_service":       unimplementedService,
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Second)
}

func zeros(size int) *Payload { return &Payload{Body: make([]byte, size)} }

func outputs(sizes ...int32) (parameters []*ResponseParameters) {
	for _, size := range sizes {
		parameters = append(parameters, &ResponseParameters{Size: size})
	}
	return
}

// The call must have ended with this code, and with this message unless it is "*".
func ended(err error, code codes.Code, message string) error {
	if status.Code(err) != code || (message != "*" && status.Convert(err).Message() != message) {
		return fmt.Errorf("ended with %v, not with %v %q", err, code, message)
	}
	return nil
}

func over(stream grpc.ClientStream) error {
	if err := stream.RecvMsg(&StreamingOutputCallResponse{}); err != io.EOF {
		return fmt.Errorf("expected the end of the stream, got %v", err)
	}
	return nil
}

func received(stream grpc.ClientStream, size int32) error {
	answer := StreamingOutputCallResponse{}
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	if len(answer.Payload.Body) != int(size) {
		return fmt.Errorf("%d bytes, not %d", len(answer.Payload.Body), size)
	}
	return nil
}

func emptyUnary(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	return connection.Invoke(ctx, service+"EmptyCall", &Empty{}, &Empty{})
}

func largeUnary(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	answer := SimpleResponse{}
	err := connection.Invoke(ctx, service+"UnaryCall", &SimpleRequest{ResponseSize: largeOut, Payload: zeros(largeIn)}, &answer)
	if err == nil && !bytes.Equal(answer.Payload.Body, make([]byte, largeOut)) {
		return fmt.Errorf("other bytes than asked for")
	}
	return err
}

func clientStreaming(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	stream, err := connection.NewStream(ctx, &up, service+"StreamingInputCall")
	if err != nil {
		return err
	}
	sum := 0
	for _, size := range requestSizes {
		sum += size
		if err := stream.SendMsg(&StreamingInputCallRequest{Payload: zeros(size)}); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	answer := StreamingInputCallResponse{}
	if err := stream.RecvMsg(&answer); err != nil {
		return err
	}
	if int(answer.AggregatedPayloadSize) != sum {
		return fmt.Errorf("%d bytes arrived of %d", answer.AggregatedPayloadSize, sum)
	}
	return over(stream)
}

func serverStreaming(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	stream, err := connection.NewStream(ctx, &down, service+"StreamingOutputCall")
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&StreamingOutputCallRequest{ResponseParameters: outputs(responseSizes...)}); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for _, size := range responseSizes {
		if err := received(stream, size); err != nil {
			return err
		}
	}
	return over(stream)
}

func duplex(ctx context.Context, connection *grpc.ClientConn) (grpc.ClientStream, error) {
	return connection.NewStream(ctx, &both, service+"FullDuplexCall")
}

func pingPong(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	stream, err := duplex(ctx, connection)
	if err != nil {
		return err
	}
	for index, size := range responseSizes {
		request := StreamingOutputCallRequest{ResponseParameters: outputs(size), Payload: zeros(requestSizes[index])}
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
		if err := received(stream, size); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return over(stream)
}

func emptyStream(connection *grpc.ClientConn) error {
	ctx, cancel := within()
	defer cancel()
	stream, err := duplex(ctx, connection)
	if err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return over(stream)
}
