package main

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"
)

type dist struct {
	Count int     `json:"count"`
	Min   float64 `json:"min_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func distribution(ns []int64) (d dist) {
	if len(ns) == 0 {
		return
	}
	slices.Sort(ns)
	at := func(q float64) float64 { return float64(ns[int(q*float64(len(ns)-1))]) / 1e6 }
	return dist{len(ns), at(0), at(.5), at(.9), at(.99), at(1)}
}

// status: streams alive, and how long each took from dialling to holding all it wants.
func status() any {
	out := struct {
		Streams, Live, Ready, Pending, Pushes, Bytes, Nacked, Reconnects int
		Held                                                             int // resources, over all streams
		ReadyTime                                                        dist
		AllReadyMs                                                       float64 // from the first dial to the last ready
		ByType                                                           map[string]int
	}{Streams: len(clients), ByType: map[string]int{}}
	var took []int64
	first, last := int64(1<<62), int64(0)
	for _, c := range clients {
		c.mu.Lock()
		if c.live {
			out.Live++
		}
		if c.ready > 0 {
			out.Ready++
			took = append(took, c.ready-c.begun)
			first, last = min(first, c.begun), max(last, c.ready)
		}
		out.Pending += c.pending
		for _, of := range c.held {
			out.Held += len(of)
		}
		out.Reconnects += int(c.reconnects.Load())
		out.Pushes += len(c.pushes)
		for _, p := range c.pushes {
			out.Bytes += p.bytes
			out.ByType[short(p.typ)]++
			if !p.acked {
				out.Nacked++
			}
		}
		c.mu.Unlock()
	}
	out.ReadyTime = distribution(took)
	if last > 0 {
		out.AllReadyMs = float64(last-first) / 1e6
	}
	return out
}

// report: pushes since the mark. First is, over the streams that got a matching push,
// the time from the mark to the first of them; Last to the last of them; Sent the time
// from the server's own "ts:" stamp of each.
func report(since int64, typ, name string) any {
	out := struct {
		Streams, Pushes, Resources, Removed, Bytes int
		Again, Outside                             int   // held already, byte for byte; not touched by the change
		Quiet                                      int64 // ms since the last push
		First, Last, Sent                          dist
	}{}
	latest := since
	var firsts, lasts, sents []int64
	for _, c := range clients {
		c.mu.Lock()
		var a, z int64
		i := len(c.pushes)
		for i > 0 && c.pushes[i-1].at >= since {
			i--
		}
		for _, p := range c.pushes[i:] {
			if typ != "" && p.typ != typeURL[typ] {
				continue
			}
			if name != "" && !slices.ContainsFunc(p.names, func(s string) bool { return strings.Contains(s, name) }) {
				continue
			}
			if a == 0 {
				a = p.at
			}
			z = p.at
			out.Pushes++
			out.Resources += p.res
			out.Removed += p.gone
			out.Bytes += p.bytes
			out.Again += p.again
			out.Outside += p.outside
			latest = max(latest, p.at)
			if p.sent > 0 {
				sents = append(sents, p.at-p.sent)
			}
		}
		c.mu.Unlock()
		if a > 0 {
			firsts, lasts = append(firsts, a-since), append(lasts, z-since)
		}
	}
	out.Streams = len(firsts)
	out.Quiet = (time.Now().UnixNano() - latest) / 1e6
	out.First, out.Last, out.Sent = distribution(firsts), distribution(lasts), distribution(sents)
	return out
}

func short(t string) string { return t[strings.LastIndexByte(t, '.')+1:] }

func writeEvents() {
	if *events == "" {
		return
	}
	f, err := os.Create(*events)
	must(err)
	defer f.Close()
	w := bufio.NewWriter(f)
	defer w.Flush()
	enc := json.NewEncoder(w)
	for _, c := range clients {
		c.mu.Lock()
		for _, p := range c.pushes {
			_ = enc.Encode(map[string]any{"stream": c.id, "conn": p.conn, "at_ns": p.at, "sent_ns": p.sent, "type": short(p.typ),
				"resources": p.res, "removed": p.gone, "bytes": p.bytes, "names": p.names, "acked": p.acked})
		}
		c.mu.Unlock()
	}
}
