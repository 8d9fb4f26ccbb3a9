package main

import "fmt"

// The messages of grpc.testing.TestService, in the few fields that the cases use.

type Empty struct{}

type Payload struct {
	Type int32  `protobuf:"varint,1,opt,name=type,proto3"`
	Body []byte `protobuf:"bytes,2,opt,name=body,proto3"`
}

type EchoStatus struct {
	Code    int32  `protobuf:"varint,1,opt,name=code,proto3"`
	Message string `protobuf:"bytes,2,opt,name=message,proto3"`
}

type SimpleRequest struct {
	ResponseSize   int32       `protobuf:"varint,2,opt,name=response_size,proto3"`
	Payload        *Payload    `protobuf:"bytes,3,opt,name=payload,proto3"`
	ResponseStatus *EchoStatus `protobuf:"bytes,7,opt,name=response_status,proto3"`
}

type SimpleResponse struct {
	Payload *Payload `protobuf:"bytes,1,opt,name=payload,proto3"`
}

type StreamingInputCallRequest struct {
	Payload *Payload `protobuf:"bytes,1,opt,name=payload,proto3"`
}

type StreamingInputCallResponse struct {
	AggregatedPayloadSize int32 `protobuf:"varint,1,opt,name=aggregated_payload_size,proto3"`
}

type ResponseParameters struct {
	Size       int32 `protobuf:"varint,1,opt,name=size,proto3"`
	IntervalUs int32 `protobuf:"varint,2,opt,name=interval_us,proto3"`
}

type StreamingOutputCallRequest struct {
	ResponseParameters []*ResponseParameters `protobuf:"bytes,2,rep,name=response_parameters,proto3"`
	Payload            *Payload              `protobuf:"bytes,3,opt,name=payload,proto3"`
	ResponseStatus     *EchoStatus           `protobuf:"bytes,7,opt,name=response_status,proto3"`
}

type StreamingOutputCallResponse struct {
	Payload *Payload `protobuf:"bytes,1,opt,name=payload,proto3"`
}

func (m *Empty) Reset()                               { *m = Empty{} }
func (m *Empty) String() string                       { return "Empty" }
func (*Empty) ProtoMessage()                          {}
func (m *Payload) Reset()                             { *m = Payload{} }
func (m *Payload) String() string                     { return fmt.Sprintf("%d bytes", len(m.Body)) }
func (*Payload) ProtoMessage()                        {}
func (m *EchoStatus) Reset()                          { *m = EchoStatus{} }
func (m *EchoStatus) String() string                  { return fmt.Sprint(m.Code, m.Message) }
func (*EchoStatus) ProtoMessage()                     {}
func (m *SimpleRequest) Reset()                       { *m = SimpleRequest{} }
func (m *SimpleRequest) String() string               { return "SimpleRequest" }
func (*SimpleRequest) ProtoMessage()                  {}
func (m *SimpleResponse) Reset()                      { *m = SimpleResponse{} }
func (m *SimpleResponse) String() string              { return "SimpleResponse" }
func (*SimpleResponse) ProtoMessage()                 {}
func (m *StreamingInputCallRequest) Reset()           { *m = StreamingInputCallRequest{} }
func (m *StreamingInputCallRequest) String() string   { return "StreamingInputCallRequest" }
func (*StreamingInputCallRequest) ProtoMessage()      {}
func (m *StreamingInputCallResponse) Reset()          { *m = StreamingInputCallResponse{} }
func (m *StreamingInputCallResponse) String() string  { return "StreamingInputCallResponse" }
func (*StreamingInputCallResponse) ProtoMessage()     {}
func (m *ResponseParameters) Reset()                  { *m = ResponseParameters{} }
func (m *ResponseParameters) String() string          { return "ResponseParameters" }
func (*ResponseParameters) ProtoMessage()             {}
func (m *StreamingOutputCallRequest) Reset()          { *m = StreamingOutputCallRequest{} }
func (m *StreamingOutputCallRequest) String() string  { return "StreamingOutputCallRequest" }
func (*StreamingOutputCallRequest) ProtoMessage()     {}
func (m *StreamingOutputCallResponse) Reset()         { *m = StreamingOutputCallResponse{} }
func (m *StreamingOutputCallResponse) String() string { return "StreamingOutputCallResponse" }
func (*StreamingOutputCallResponse) ProtoMessage()    {}
