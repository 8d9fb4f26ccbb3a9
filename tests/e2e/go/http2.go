package main

import (
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// The calls of the misbehaving-HTTP/2-server cases, over messages that are bytes.

type bytesCodec struct{}

func (bytesCodec) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = data
	return nil
}
func (bytesCodec) Name() string   { return "proto" } // so that the content type is the usual one
func (bytesCodec) String() string { return "proto" }

var forceCodec = grpc.ForceCodec(bytesCodec{})

type outcome [2]int // the status code, and the size of the answer

func misbehaving(address string, pause time.Duration, name string) {
	connection := connect(address)
	defer connection.Close()
	call := func() outcome {
		ctx, cancel := within()
		defer cancel()
		request, answer := make([]byte, largeIn), []byte{}
		err := connection.Invoke(ctx, "/verdigris.test.Http2/"+name, &request, &answer, forceCodec)
		if err != nil {
			answer = nil
			log.Printf("%s: %v", name, err)
		}
		return outcome{int(status.Code(err)), len(answer)}
	}
	outcomes := []outcome{call()}
	switch name {
	case "goaway":
		time.Sleep(pause)
		outcomes = append(outcomes, call())
		time.Sleep(pause)
	case "max_streams":
		more, all := make([]outcome, 10), sync.WaitGroup{}
		for index := range more {
			all.Add(1)
			go func(index int) {
				defer all.Done()
				more[index] = call()
			}(index)
		}
		all.Wait()
		outcomes = append(outcomes, more...)
	}
	line, _ := json.Marshal(map[string]interface{}{"case": name, "outcomes": outcomes})
	fmt.Println(string(line))
}
