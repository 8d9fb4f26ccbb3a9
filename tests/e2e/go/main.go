// Go's gRPC against the splitter: gRPC's interop cases as a client and as a server, and the calls of the
// misbehaving-HTTP/2-server cases. Built by tests/e2e/harness/golang.py from Debian's packages.
//
//	interop serve PORT             the interop server on loopback
//	interop echo PORT              a server whose every method sends each message back
//	interop call ADDRESS CASE…     each case; prints "OK: CASE", exit status 1 at the first that fails
//	interop http2 ADDRESS PAUSE CASE…
//	                               each case; prints what became of its calls, a line of JSON per case;
//	                               PAUSE is in seconds, after each call of goaway
//	interop list                   the interop cases
package main

import (
	"fmt"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"google.golang.org/grpc"
)

const largest = 16 << 20

func connect(address string) *grpc.ClientConn {
	connection, err := grpc.Dial(address, grpc.WithInsecure(), grpc.WithBlock(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largest)))
	if err != nil {
		log.Fatal(err)
	}
	return connection
}

func main() {
	log.SetFlags(0)
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2])
	case "echo":
		echo(os.Args[2])
	case "call":
		connection := connect(os.Args[2])
		for _, name := range os.Args[3:] {
			if err := cases[name](connection); err != nil {
				log.Fatalf("%s: %v", name, err)
			}
			fmt.Println("OK:", name)
		}
	case "http2":
		pause, err := time.ParseDuration(os.Args[3] + "s")
		if err != nil {
			log.Fatal(err)
		}
		for _, name := range os.Args[4:] {
			misbehaving(os.Args[2], pause, name)
		}
	case "list":
		names := []string{}
		for name := range cases {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Println(strings.Join(names, ","))
	}
}
