package leadline

import "time"

// Resources is what a Leadline and the machine below it used in the interval that ended At. A value that the machine
// does not tell is 0.
type Resources struct {
	At       time.Time
	Interval time.Duration

	CPU        float64 // cores that Leadline used
	EngineCPU  float64 // cores that the embedded ClickHouse used
	MachineCPU float64 // share of all cores that was busy, 0 to 1
	RSS        int64   // bytes
	EngineRSS  int64   // bytes
	Heap       int64   // bytes of live objects and garbage not yet swept
	GCPause    time.Duration
	Goroutines int
	OpenFiles  int

	SpoolBytes int64
	SpoolFill  float64       // 0 to 1
	SpoolLag   time.Duration // age of the oldest event that ClickHouse does not have
	DiskFree   int64         // bytes, of the data folder's file system
	DiskRead   int64         // bytes that Leadline read from disk
	DiskWrite  int64         // bytes that it wrote
	NetIn      int64         // bytes that the machine received, loopback included
	NetOut     int64
}
