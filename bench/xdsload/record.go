package main

import "encoding/binary"

// record writes a push as it came, after its phase and its length, for floor/ to send again.
func (c *client) record(message []byte) {
	if c.recording == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(phase.Load()))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(message)))
	_, err := c.recording.Write(append(b, message...))
	must(err)
}
