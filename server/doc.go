// Package server is the door: HTTP in, problem details out. It bounds and decompresses bodies, knows who asks, and
// hands whole bodies to ingest, which alone decides what is durable. It is the only importer of Fiber.
//
// Fiber reuses its buffers: every string that outlives a handler is copied at this door.
package server
