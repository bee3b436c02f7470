package main

import (
	"hash/maphash"
	"sync"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	cdsType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	ldsType  = "type.googleapis.com/envoy.config.listener.v3.Listener"
	edsType  = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	rdsType  = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	sdsType  = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
	vhdsType = "type.googleapis.com/envoy.config.route.v3.VirtualHost"
	ecdsType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
	hcmType  = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)

var typeURL = map[string]string{"cds": cdsType, "lds": ldsType, "eds": edsType, "rds": rdsType, "sds": sdsType,
	"nds": "type.googleapis.com/istio.networking.nds.v1.NameTable"}

// rawCodec hands bytes through: the envelope is parsed by hand below.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b := v.(*[]byte)
	if cap(*b) < data.Len() {
		*b = make([]byte, data.Len())
	}
	*b = (*b)[:data.Len()]
	data.CopyTo(*b)
	if cap(*b) > 1<<16 { // do not keep a large buffer per idle stream
		c := *b
		*b = c[:len(c):len(c)]
	}
	return nil
}

type resource struct{ name, version, typ, value []byte }

type response struct {
	version, typeURL, nonce string
	res                     []resource
	removed                 []string
}

func fields(b []byte, f func(num protowire.Number, v []byte)) error {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return protowire.ParseError(k)
		}
		b = b[k:]
		if typ == protowire.BytesType {
			v, k := protowire.ConsumeBytes(b)
			if k < 0 {
				return protowire.ParseError(k)
			}
			f(num, v)
			b = b[k:]
			continue
		}
		k = protowire.ConsumeFieldValue(num, typ, b)
		if k < 0 {
			return protowire.ParseError(k)
		}
		b = b[k:]
	}
	return nil
}

func parseResponse(b []byte) (r response, err error) {
	err = fields(b, func(num protowire.Number, v []byte) {
		switch num {
		case 1:
			r.version = string(v)
		case 4:
			r.typeURL = string(v)
		case 5:
			r.nonce = string(v)
		case 6:
			r.removed = append(r.removed, string(v))
		case 2:
			var x resource
			_ = fields(v, func(num protowire.Number, v []byte) {
				switch num {
				case 1:
					x.version = v
				case 3:
					x.name = v
				case 2:
					_ = fields(v, func(num protowire.Number, v []byte) {
						switch num {
						case 1:
							x.typ = v
						case 2:
							x.value = v
						}
					})
				}
			})
			r.res = append(r.res, x)
		}
	})
	return r, err
}

type ref struct{ typ, name string }

// Equal resources go to many proxies: parse each once.
var (
	refCache sync.Map // hash -> []ref
	seed     = maphash.MakeSeed()
)

func references(x resource) []ref {
	switch string(x.typ) {
	case cdsType, ldsType, rdsType:
	default:
		return nil
	}
	h := maphash.Bytes(seed, x.value)
	if v, ok := refCache.Load(h); ok {
		return v.([]ref)
	}
	var refs []ref
	switch string(x.typ) {
	case cdsType:
		var c cluster.Cluster
		if proto.Unmarshal(x.value, &c) == nil && c.GetType() == cluster.Cluster_EDS {
			name := c.GetEdsClusterConfig().GetServiceName()
			if name == "" {
				name = c.Name
			}
			refs = append(refs, ref{edsType, name})
		}
	case ldsType:
		var l listener.Listener
		if proto.Unmarshal(x.value, &l) == nil {
			chains := append(l.FilterChains, l.DefaultFilterChain)
			if l.GetApiListener() != nil {
				refs = appendRoute(refs, l.GetApiListener().GetApiListener().GetValue())
			}
			for _, fc := range chains {
				for _, f := range fc.GetFilters() {
					if f.GetConfigDiscovery() != nil {
						refs = append(refs, ref{ecdsType, f.Name})
					}
					if f.GetTypedConfig().GetTypeUrl() == hcmType {
						refs = appendRoute(refs, f.GetTypedConfig().GetValue())
					}
				}
			}
		}
	case rdsType: // Envoy asks for virtual hosts without naming any: those of its route tables are meant
		var r route.RouteConfiguration
		if proto.Unmarshal(x.value, &r) == nil && r.GetVhds() != nil {
			refs = append(refs, ref{vhdsType, "*"})
		}
	}
	refCache.Store(h, refs)
	return refs
}

func appendRoute(refs []ref, b []byte) []ref {
	var m hcm.HttpConnectionManager
	if proto.Unmarshal(b, &m) == nil {
		if name := m.GetRds().GetRouteConfigName(); name != "" {
			refs = append(refs, ref{rdsType, name})
		}
		for _, f := range m.HttpFilters {
			if f.GetConfigDiscovery() != nil {
				refs = append(refs, ref{ecdsType, f.Name})
			}
		}
	}
	return refs
}
