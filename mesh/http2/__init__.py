"""The wire: HTTP/2 frames, header blocks, flow control and connections. It knows no policy."""
