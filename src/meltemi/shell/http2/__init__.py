"""HTTP/2 as a server speaks it. All files but `protocol` and `exchange` do no I/O."""
