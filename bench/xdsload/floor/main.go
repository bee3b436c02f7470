// floor sends recorded pushes again and reads the ACKs: what any gRPC server in Go pays for the same bytes.
//
// GET /send?phase=N sends to every stream what its namespace's recording holds of that phase, all at once. A stream
// that begins is sent phase 0.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

var (
	addr    = flag.String("addr", "127.0.0.1:15020", "where to serve xDS")
	control = flag.String("control", "127.0.0.1:9901", "HTTP control address (loopback)")
	from    = flag.String("recorded", "", "folder that xdsload -record filled")

	recorded = map[string]map[int][][]byte{} // namespace -> phase -> messages
	mu       sync.Mutex
	streams  = map[chan int]bool{}
	acks     atomic.Int64
)

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func main() {
	flag.Parse()
	load()
	listener, err := net.Listen("tcp", *addr)
	must(err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(16<<20))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.discovery.v3.AggregatedDiscoveryService",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "DeltaAggregatedResources", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, s grpc.ServerStream) error { return serve(s) },
		}},
	}, nil)
	http.HandleFunc("/send", send)
	http.HandleFunc("/acks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(acks.Load()) })
	go func() { log.Fatal(http.ListenAndServe(*control, nil)) }()
	must(server.Serve(listener))
}

func load() {
	files, err := filepath.Glob(filepath.Join(*from, "*"))
	must(err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(err)
		phases := map[int][][]byte{}
		for len(b) > 0 {
			phase, size := int(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
			phases[phase] = append(phases[phase], b[8:8+size])
			b = b[8+size:]
		}
		recorded[filepath.Base(file)] = phases
	}
}

func serve(s grpc.ServerStream) error {
	var first []byte
	if err := s.RecvMsg(&first); err != nil {
		return err
	}
	mine := recorded[namespace(first)]
	todo := make(chan int, 1024)
	todo <- 0
	mu.Lock()
	streams[todo] = true
	mu.Unlock()
	go func() {
		for phase := range todo {
			for _, message := range mine[phase] {
				if s.SendMsg(message) != nil {
					return
				}
			}
		}
	}()
	defer func() { mu.Lock(); delete(streams, todo); close(todo); mu.Unlock() }()
	for {
		var request []byte
		if err := s.RecvMsg(&request); err != nil {
			return err
		}
		if isAck(request) {
			acks.Add(1)
		}
	}
}

func send(w http.ResponseWriter, r *http.Request) {
	phase, err := strconv.Atoi(r.FormValue("phase"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	mu.Lock()
	defer mu.Unlock()
	for todo := range streams {
		todo <- phase
	}
}

// namespace of a first request's node, whose id is "type~IP~pod.namespace~domain".
func namespace(request []byte) string {
	var node core.Node
	walk(request, func(number protowire.Number, value []byte) {
		if number == 1 {
			must(proto.Unmarshal(value, &node))
		}
	})
	_, name, _ := strings.Cut(strings.Split(node.Id, "~")[2], ".")
	return name
}

func isAck(request []byte) (found bool) {
	walk(request, func(number protowire.Number, value []byte) { found = found || (number == 6 && len(value) > 0) })
	return found
}

func walk(b []byte, f func(protowire.Number, []byte)) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			return
		}
		value, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			return
		}
		f(number, value)
		b = b[n+m:]
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
