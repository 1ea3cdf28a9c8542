// Package lines is what every program here reads and prints: ../../program.ts says what it means.
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// Options are the second argument.
type Options struct {
	Bootstrap string
	Topic     string
	// Of a producer.
	Idempotent bool
	// Of a consumer.
	Group    string
	Assignor string
	Instance string
	// Milliseconds.
	Session int
}

// Header is a name and a value, which may be null.
type Header struct {
	Name  string
	Value []byte
}

// MarshalJSON writes it as a pair.
func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

// UnmarshalJSON reads a pair.
func (h *Header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Name, &h.Value})
}

// Sent is a line of a producer's input.
type Sent struct {
	ID        int
	Codec     string
	Partition int32
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Received is a record of a consumer's output.
type Received struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []Header `json:"headers"`
}

var out sync.Mutex

func say(line any) {
	text, err := json.Marshal(line)
	Check(err)
	out.Lock()
	defer out.Unlock()
	_, err = os.Stdout.Write(append(text, '\n'))
	Check(err)
}

// Check ends the program when err is not nil.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Main runs what the first argument names.
func Main(produce func(Options), consume func(Options)) {
	var options Options
	Check(json.Unmarshal([]byte(os.Args[2]), &options))
	map[string]func(Options){"produce": produce, "consume": consume}[os.Args[1]](options)
}

// Each calls for every record to send, until there are no more.
func Each(send func(Sent)) {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 16<<20)
	for input.Scan() {
		var record Sent
		Check(json.Unmarshal(input.Bytes(), &record))
		send(record)
	}
	Check(input.Err())
}

// InputEnded is closed when the program is to leave its group and end.
func InputEnded() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	return ended
}

// Delivered says what became of a record that was sent.
func Delivered(id int, partition int32, offset int64, err error) {
	if err != nil {
		say(map[string]any{"refused": id, "error": err.Error()})
		return
	}
	say(map[string]any{"acked": id, "partition": partition, "offset": offset})
}

// Records says what was read.
func Records(records []Received) {
	say(map[string]any{"records": records})
}

// Assignment is the partitions that a member reads now.
type Assignment struct {
	lock sync.Mutex
	mine []int32
}

// NewAssignment is none.
func NewAssignment() *Assignment {
	return &Assignment{mine: []int32{}}
}

// Change says it whenever it changes.
func (a *Assignment) Change(added, removed []int32) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.mine = slices.DeleteFunc(a.mine, func(one int32) bool { return slices.Contains(removed, one) })
	a.mine = append(a.mine, added...)
	say(map[string]any{"assigned": a.mine})
}
