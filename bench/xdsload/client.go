package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

// One push, as received.
type push struct {
	at    int64 // wall ns
	sent  int64 // wall ns, where the server put "ts:<ns>" in system_version_info
	typ   string
	res   int
	gone  int
	bytes int
	names []string // only of pushes with at most 64 resources
	acked bool
	conn  int32 // how many reconnects came before

	again   int // resources that the client held already, byte for byte
	outside int // resources and removals that /mark did not call touched
}

// What is held of a resource: enough to say so on the next stream, and to know it again.
type held struct {
	version unique.Handle[string]
	sum     uint64
}

type client struct {
	id         int
	node       []byte
	reconnects atomic.Int32
	recording  io.Writer // nil: nobody asked

	mu      sync.Mutex
	pushes  []push
	want    map[string]map[string]bool // type -> name -> received
	held    map[string]map[string]held // type -> name; it outlives a stream, as Envoy's does
	pending int                        // wanted, not yet received
	begun   int64
	ready   int64 // wall ns when nothing was pending first
	live    bool
}

func newClient(i int, ns string) *client {
	b, err := proto.Marshal(node(i, ns))
	must(err)
	return &client{id: i, node: b, held: map[string]map[string]held{}}
}

func (c *client) run(ctx context.Context, opts []grpc.DialOption, opened func()) error {
	conn, err := grpc.NewClient("passthrough:///"+*addr, opts...)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.mu.Lock()
	c.begun, c.ready, c.pending = time.Now().UnixNano(), 0, 0
	c.want = map[string]map[string]bool{}
	c.mu.Unlock()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return err
	}
	opened()
	send := func(b []byte) error { return s.SendMsg(&b) }
	node := c.node
	begun := map[string]bool{} // types that were asked for on this stream
	ask := func(typ string, sub, unsub []string) error {
		var initial map[string]held
		if !begun[typ] {
			begun[typ] = true
			c.mu.Lock()
			initial = maps.Clone(c.held[typ])
			c.mu.Unlock()
			if typ == vhdsType {
				sub = append(sub, c.called()...)
			}
		}
		err := send(request(node, typ, sub, unsub, initial, "", ""))
		node = nil
		return err
	}
	c.mu.Lock()
	c.live = true
	for _, t := range split(*wildcards) {
		c.need(typeURL[t], "*")
	}
	extra := map[string][]string{edsType: c.needAll(edsType, split(*edsNames)), rdsType: c.needAll(rdsType, split(*rdsNames))}
	for _, t := range []string{edsType, rdsType, vhdsType, ecdsType} { // what is held from the last stream is wanted still
		for name := range c.held[t] {
			if t == vhdsType {
				name = "*"
			}
			if c.need(t, name) {
				c.got(t, []byte(name))
				extra[t] = append(extra[t], name)
			}
		}
	}
	c.mu.Unlock()
	defer func() { c.mu.Lock(); c.live = false; c.mu.Unlock() }()
	for _, t := range split(*wildcards) {
		if err := ask(typeURL[t], nil, nil); err != nil {
			return err
		}
	}
	for t, names := range extra {
		if len(names) > 0 {
			if err := ask(t, names, nil); err != nil {
				return err
			}
		}
	}
	var buf []byte
	for {
		if err := s.RecvMsg(&buf); err != nil {
			return err
		}
		at := time.Now().UnixNano()
		r, err := parseResponse(buf)
		if err != nil {
			return err
		}
		p := push{at: at, typ: r.typeURL, res: len(r.res), gone: len(r.removed), bytes: len(buf), acked: true, conn: c.reconnects.Load()}
		if ts, ok := strings.CutPrefix(r.version, "ts:"); ok {
			p.sent, _ = strconv.ParseInt(ts, 10, 64)
		}
		if len(r.res) <= 64 {
			for _, x := range r.res {
				p.names = append(p.names, string(x.name))
			}
		}
		c.record(buf)
		nack := ""
		sub, unsub := map[string][]string{}, []string(nil)
		c.mu.Lock()
		c.got(r.typeURL, star)
		c.forget(r.typeURL, r.removed, &p)
		for _, x := range r.res {
			c.got(r.typeURL, x.name)
			c.hold(r.typeURL, x, &p)
			if *nackName != "" && string(x.name) == *nackName {
				nack, p.acked = "rejected by the load client", false
			}
			if *follow {
				for _, ref := range references(x) {
					if c.need(ref.typ, ref.name) {
						sub[ref.typ] = append(sub[ref.typ], ref.name)
					}
				}
			}
		}
		if r.typeURL == cdsType && *follow { // the cluster's endpoints go with it
			for _, name := range r.removed {
				if w := c.want[edsType]; w != nil {
					if _, ok := w[name]; ok {
						c.got(edsType, []byte(name))
						delete(w, name)
						unsub = append(unsub, name)
					}
				}
			}
		}
		if c.pending == 0 && c.ready == 0 {
			c.ready = at
		}
		c.pushes = append(c.pushes, p)
		c.mu.Unlock()
		// Envoy subscribes to what a push names before it ACKs the push.
		for t, names := range sub {
			var un []string
			if t == edsType {
				un, unsub = unsub, nil
			}
			if err := ask(t, names, un); err != nil {
				return err
			}
		}
		if len(unsub) > 0 {
			if err := ask(edsType, nil, unsub); err != nil {
				return err
			}
		}
		if err := send(request(nil, r.typeURL, nil, nil, nil, r.nonce, nack)); err != nil {
			return err
		}
	}
}

// need notes that a resource is wanted; true where it was not before. c.mu is held.
func (c *client) need(typ, name string) bool {
	w := c.want[typ]
	if w == nil {
		w = map[string]bool{}
		c.want[typ] = w
	}
	if _, ok := w[name]; ok {
		return false
	}
	w[name] = false
	c.pending++
	return true
}

func (c *client) needAll(typ string, names []string) []string {
	for _, name := range names {
		c.need(typ, name)
	}
	return names
}

// called names the virtual hosts that requests of this proxy would ask for.
func (c *client) called() []string {
	var names []string
	for k := range *calls {
		i := (c.id**calls + k) % *callable
		names = append(names, fmt.Sprintf("80/service-%d.ns-%d", i, i%10))
	}
	return names
}

var star = []byte("*")

func (c *client) got(typ string, name []byte) {
	w := c.want[typ]
	if done, ok := w[string(name)]; ok && !done {
		w[string(name)] = true
		c.pending--
	}
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// hold notes what a push brought. c.mu is held.
func (c *client) hold(typ string, x resource, p *push) {
	of := c.held[typ]
	if of == nil {
		of = map[string]held{}
		c.held[typ] = of
	}
	sum := maphash.Bytes(seed, x.value)
	if was, ok := of[string(x.name)]; ok && was.sum == sum {
		p.again++
	}
	of[unique.Make(string(x.name)).Value()] = held{unique.Make(string(x.version)), sum}
	if !isTouched(string(x.name)) {
		p.outside++
	}
}

func (c *client) forget(typ string, names []string, p *push) {
	for _, name := range names {
		delete(c.held[typ], name)
		if typ == cdsType {
			delete(c.held[edsType], name)
		}
		if !isTouched(name) {
			p.outside++
		}
	}
}

func request(node []byte, typ string, sub, unsub []string, initial map[string]held, nonce, nack string) []byte {
	var b []byte
	field := func(num protowire.Number, v string) {
		b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	if node != nil {
		field(1, string(node))
	}
	field(2, typ)
	for _, s := range sub {
		if s != "*" { // a wildcard is asked for by naming nothing
			field(3, s)
		}
	}
	for _, s := range unsub {
		field(4, s)
	}
	for name, h := range initial {
		e := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
		e = protowire.AppendString(protowire.AppendTag(e, 2, protowire.BytesType), h.version.Value())
		field(5, string(e))
	}
	if nonce != "" {
		field(6, nonce)
	}
	if nack != "" {
		var st []byte
		st = protowire.AppendVarint(protowire.AppendTag(st, 1, protowire.VarintType), 13)
		st = protowire.AppendString(protowire.AppendTag(st, 2, protowire.BytesType), nack)
		field(7, string(st))
	}
	return b
}
