// xdsload opens N delta-ADS streams (one TCP connection each, as Envoys have),
// follows references the way Envoy does, ACKs every push and records when it came.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

var (
	addr       = flag.String("addr", "127.0.0.1:15010", "xDS server")
	n          = flag.Int("n", 100, "number of proxies (streams, each on its own connection)")
	rate       = flag.Float64("rate", 0, "connections opened per second (0: as fast as they come)")
	par        = flag.Int("par", 64, "connections being opened at one time")
	namespaces = flag.String("ns", "default", "comma list; proxy i is in namespace i mod len")
	nodeType   = flag.String("node-type", "sidecar", "sidecar or router")
	clusterID  = flag.String("cluster", "Kubernetes", "CLUSTER_ID in the node metadata")
	meta       = flag.String("meta", "{}", "JSON merged into the node metadata")
	wildcards  = flag.String("wildcard", "cds,lds", "types subscribed with the wildcard")
	edsNames   = flag.String("eds", "", "EDS names to subscribe to at once (besides those found)")
	rdsNames   = flag.String("rds", "", "RDS names to subscribe to at once (besides those found)")
	follow     = flag.Bool("follow", true, "subscribe to EDS/RDS names found in CDS/LDS, as Envoy does")
	calls      = flag.Int("calls", 0, "hosts that each proxy asks for on demand, of service-I.ns-(I mod 10) in table 80")
	callable   = flag.Int("callable", 1, "how many such hosts there are; proxies call different ones, as far as they go")
	window     = flag.Int("window", 1<<20, "HTTP/2 initial window (istio-agent: 1 MiB; 0: grpc-go's 64 KiB with BDP probing)")
	nackName   = flag.String("nack", "", "NACK a push holding a resource of this name")
	useTLS     = flag.Bool("tls", false, "TLS; see -ca -cert -key")
	ca         = flag.String("ca", "", "CA file (empty with -tls: do not verify)")
	cert       = flag.String("cert", "", "client certificate file")
	key        = flag.String("key", "", "client key file")
	control    = flag.String("control", "127.0.0.1:9900", "HTTP control address (loopback)")
	events     = flag.String("events", "", "write one JSON line per push to this file at exit")
	recordTo   = flag.String("record", "", "write what the first proxy of each namespace is sent to a file of this folder")
	duration   = flag.Duration("duration", 0, "stop after this long (0: until SIGINT/SIGTERM or /quit)")
)

var (
	clients []*client
	mark    atomic.Int64 // wall ns; /report counts pushes after it
	phase   atomic.Int32 // how many marks there were
	touched atomic.Pointer[string]
	started = time.Now()
)

func dialOptions() []grpc.DialOption {
	creds := insecure.NewCredentials()
	if *useTLS {
		cfg := &tls.Config{InsecureSkipVerify: *ca == "", NextProtos: []string{"h2"}}
		if *ca != "" {
			pem, err := os.ReadFile(*ca)
			must(err)
			cfg.RootCAs = x509.NewCertPool()
			cfg.RootCAs.AppendCertsFromPEM(pem)
		}
		if *cert != "" {
			pair, err := tls.LoadX509KeyPair(*cert, *key)
			must(err)
			cfg.Certificates = []tls.Certificate{pair}
		}
		creds = credentials.NewTLS(cfg)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithReadBufferSize(16 << 10), grpc.WithWriteBufferSize(4 << 10), grpc.WithSharedWriteBuffer(true),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30)),
	}
	if *window > 0 {
		opts = append(opts, grpc.WithInitialWindowSize(int32(*window)), grpc.WithInitialConnWindowSize(int32(*window)))
	}
	return opts
}

func node(i int, ns string) *core.Node {
	ip := fmt.Sprintf("10.%d.%d.%d", 64+i>>16, i>>8&255, i&255)
	m := map[string]any{
		"NAMESPACE": ns, "CLUSTER_ID": *clusterID, "ISTIO_VERSION": "1.28.0", "SERVICE_ACCOUNT": "default",
		"LABELS": map[string]any{"app": "load", "version": "v1"}, "INSTANCE_IPS": ip, "PROXY_CONFIG": map[string]any{},
	}
	must(json.Unmarshal([]byte(*meta), &m))
	md, err := structpb.NewStruct(m)
	must(err)
	return &core.Node{
		Id:       fmt.Sprintf("%s~%s~load-%d.%s~%s.svc.cluster.local", *nodeType, ip, i, ns, ns),
		Cluster:  "load." + ns,
		Metadata: md,
	}
}

func main() {
	flag.Parse()
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if *duration > 0 {
		ctx, stop = context.WithTimeout(ctx, *duration)
		defer stop()
	}
	nss := strings.Split(*namespaces, ",")
	for i := 0; i < *n; i++ {
		c := newClient(i, nss[i%len(nss)])
		if *recordTo != "" && i < len(nss) {
			f, err := os.Create(filepath.Join(*recordTo, nss[i]))
			must(err)
			defer f.Close()
			c.recording = f
		}
		clients = append(clients, c)
	}
	go serveControl(stop)
	go connectAll(ctx)
	<-ctx.Done()
	writeEvents()
}

func connectAll(ctx context.Context) {
	opts := dialOptions()
	sem := make(chan struct{}, *par)
	var tick <-chan time.Time
	if *rate > 0 {
		t := time.NewTicker(time.Duration(float64(time.Second) / *rate))
		defer t.Stop()
		tick = t.C
	}
	for _, c := range clients {
		if tick != nil {
			<-tick
		}
		sem <- struct{}{}
		go func() {
			opened := sync.OnceFunc(func() { <-sem })
			defer opened()
			for ctx.Err() == nil {
				err := c.run(ctx, opts, opened)
				opened()
				if ctx.Err() != nil {
					return
				}
				if c.reconnects.Add(1) <= 3 {
					log.Printf("stream %d: %v", c.id, err)
				}
				time.Sleep(time.Second)
			}
		}()
	}
}

func serveControl(quit func()) {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) { reply(w, status()) })
	mux.HandleFunc("/mark", func(w http.ResponseWriter, r *http.Request) {
		text := r.FormValue("touched")
		touched.Store(&text)
		phase.Add(1)
		mark.Store(time.Now().UnixNano())
		reply(w, map[string]int64{"mark": mark.Load()})
	})
	mux.HandleFunc("/report", func(w http.ResponseWriter, r *http.Request) {
		reply(w, report(mark.Load(), r.FormValue("type"), r.FormValue("name")))
	})
	mux.HandleFunc("/quit", func(w http.ResponseWriter, r *http.Request) { reply(w, status()); go quit() })
	log.Fatal(http.ListenAndServe(*control, mux))
}

// isTouched tells whether a change may concern a name: the caller of /mark says what all such names hold.
func isTouched(name string) bool {
	t := touched.Load()
	return t == nil || *t == "" || strings.Contains(name, *t)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
