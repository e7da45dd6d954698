package engine_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"leadline/engine"
)

// killClient runs a client in a process of its own and kills it in the middle of its work.
func killClient(t *testing.T, kind, address string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "client", kind, address)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if line != "busy\n" {
		t.Errorf("the client said %q, %v", line, err)
	}
}

// playClient is the client that is killed.
func playClient(kind, address string) {
	c, err := net.Dial("tcp", address)
	check(err)
	requests := map[string][]byte{
		"native-select": queryPacket(big),
		"native-insert": queryPacket("INSERT INTO default.x VALUES"),
		"http-select":   httpHead("GET", big),
		"http-insert":   append(httpHead("POST", "INSERT INTO default.x FORMAT TSV", "Content-Length: 1000000"), "1\n2\n"...),
	}
	b := make([]byte, 64<<10)
	if strings.HasPrefix(kind, "native") {
		_, err = c.Write(engine.AppendHello(nil, "leadline", writerPassword))
		check(err)
		_, err = c.Read(b)
		check(err)
	}
	_, err = c.Write(requests[kind])
	check(err)
	if kind != "http-insert" { // which has no answer yet
		_, err = c.Read(b)
		check(err)
	}
	fmt.Println("busy")
	<-time.After(time.Minute)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
