package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadline"
)

const (
	seenPrefix    = "seen-"
	seenSuffix    = ".keys"
	seenBlockHead = 8
	keyBytes      = len(leadline.Key{})
)

// seenFiles keeps the keys of finished segments, one file a bucket of time: blocks of 4 crc, 4 count, keys. A block
// that was not written whole ends its file; its segment is still there then and brings the keys.
type seenFiles struct {
	dir  string
	span time.Duration // of a bucket
	open opener

	sizes  map[int64]int64 // of the files that are there, to the end of the last whole block
	bucket int64           // of file
	file   file
	block  []byte
}

// bucketOf numbers the buckets of time.
func (f *seenFiles) bucketOf(t time.Time) int64 { return t.UnixNano() / int64(f.span) }

func (f *seenFiles) path(bucket int64) string {
	return filepath.Join(f.dir, seenPrefix+strconv.FormatInt(bucket, 10)+seenSuffix)
}

// load reads what an earlier process left into the set, the oldest first, and deletes what is older than the window or
// had no room. cut is how many bytes at the ends of files were no whole block.
func (f *seenFiles) load(set *seen, now int64) (cut int64, err error) {
	names, err := filepath.Glob(filepath.Join(f.dir, seenPrefix+"*"+seenSuffix))
	if err != nil {
		return 0, err
	}
	f.sizes = map[int64]int64{}
	var total int64
	for _, name := range names {
		bucket, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), seenPrefix), seenSuffix), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: not a file of this spool: move it away", name)
		}
		info, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		f.sizes[bucket] = info.Size()
		total += info.Size()
	}
	if err := f.expire(now - buckets); err != nil {
		return 0, err
	}
	set.reserve(int(total / int64(keyBytes)))
	for _, bucket := range slices.Sorted(maps.Keys(f.sizes)) {
		length := f.sizes[bucket]
		set.turn(min(bucket, now))
		if err := f.loadFile(bucket, set); err != nil {
			return 0, fmt.Errorf("load %s: %w", f.path(bucket), err)
		}
		cut += length - f.sizes[bucket]
	}
	set.turn(now)
	return cut, f.expire(set.gens[0].bucket)
}

func (f *seenFiles) loadFile(bucket int64, set *seen) error {
	in, err := f.open(f.path(bucket))
	if err != nil {
		return err
	}
	size, at := f.sizes[bucket], int64(0)
	for {
		var head [seenBlockHead]byte
		if _, err := in.ReadAt(head[:], at); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.Join(err, in.Close())
		}
		n := seenBlockHead + int64(binary.LittleEndian.Uint32(head[4:]))*int64(keyBytes)
		if n > size-at {
			break
		}
		f.block = append(f.block[:0], make([]byte, n)...)
		if _, err := in.ReadAt(f.block, at); err != nil {
			return errors.Join(err, in.Close())
		}
		if crc32.Checksum(f.block[4:], castagnoli) != binary.LittleEndian.Uint32(f.block) {
			break
		}
		set.addAll(f.block[seenBlockHead:], min(bucket, set.bucket))
		at += n
	}
	f.sizes[bucket] = at
	return in.Close()
}

// remember makes keys durable, but for zero ones. A bucket before the oldest needs no remembering.
func (f *seenFiles) remember(bucket, oldest int64, keys []byte) error {
	if err := f.expire(oldest); err != nil {
		return err
	}
	f.block = append(f.block[:0], make([]byte, seenBlockHead)...)
	for key := range slices.Chunk(keys, keyBytes) {
		if leadline.Key(key) != (leadline.Key{}) {
			f.block = append(f.block, key...)
		}
	}
	if len(f.block) == seenBlockHead || bucket < oldest {
		return nil
	}
	binary.LittleEndian.PutUint32(f.block[4:], uint32((len(f.block)-seenBlockHead)/keyBytes))
	binary.LittleEndian.PutUint32(f.block, crc32.Checksum(f.block[4:], castagnoli))
	if err := f.turn(bucket); err != nil {
		return err
	}
	if err := writeSync(f.file, f.block, f.sizes[bucket]); err != nil {
		return err
	}
	f.sizes[bucket] += int64(len(f.block))
	return nil
}

// turn opens the bucket's file.
func (f *seenFiles) turn(bucket int64) error {
	if f.file != nil && f.bucket == bucket {
		return nil
	}
	if err := f.close(); err != nil {
		return err
	}
	next, err := f.open(f.path(bucket))
	if err != nil {
		return err
	}
	if err := syncDir(f.dir); err != nil {
		return errors.Join(err, next.Close())
	}
	f.file, f.bucket = next, bucket
	if _, ok := f.sizes[bucket]; !ok {
		f.sizes[bucket] = 0
	}
	return nil
}

// expire deletes the files of buckets before the oldest that is remembered.
func (f *seenFiles) expire(oldest int64) error {
	for bucket := range f.sizes {
		if bucket >= oldest {
			continue
		}
		if f.file != nil && f.bucket == bucket {
			if err := f.close(); err != nil {
				return err
			}
		}
		if err := os.Remove(f.path(bucket)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		delete(f.sizes, bucket)
	}
	return nil
}

func (f *seenFiles) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
