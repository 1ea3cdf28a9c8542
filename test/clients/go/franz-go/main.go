// Produces or consumes with franz-go.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"varve/clients/lines"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var assignors = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"roundrobin":         kgo.RoundRobinBalancer(),
	"sticky":             kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func main() {
	lines.Main(produce, consume)
}

func produce(options lines.Options) {
	producers := map[string]*kgo.Client{}
	producer := func(codec string) *kgo.Client {
		if producers[codec] == nil {
			settings := []kgo.Opt{
				kgo.SeedBrokers(options.Bootstrap),
				kgo.ProducerBatchCompression(codecs[codec]),
				kgo.RecordPartitioner(kgo.ManualPartitioner()),
			}
			if options.Idempotent {
				// Small batches: many are under way.
				settings = append(settings, kgo.ProducerBatchMaxBytes(1024))
			} else {
				settings = append(settings, kgo.DisableIdempotentWrite())
			}
			client, err := kgo.NewClient(settings...)
			lines.Check(err)
			producers[codec] = client
		}
		return producers[codec]
	}
	lines.Each(func(sent lines.Sent) {
		record := &kgo.Record{
			Topic:     options.Topic,
			Partition: sent.Partition,
			Timestamp: time.UnixMilli(sent.Timestamp),
			Key:       sent.Key,
			Value:     sent.Value,
		}
		for _, header := range sent.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		producer(sent.Codec).Produce(context.Background(), record, func(record *kgo.Record, err error) {
			lines.Delivered(sent.ID, record.Partition, record.Offset, err)
		})
	})
	for _, client := range producers {
		lines.Check(client.Flush(context.Background()))
		client.Close()
	}
}

func consume(options lines.Options) {
	assignment := lines.NewAssignment()
	added := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		assignment.Change(partitions[options.Topic], nil)
	}
	removed := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		assignment.Change(nil, partitions[options.Topic])
	}
	session := time.Duration(options.Session) * time.Millisecond
	settings := []kgo.Opt{
		kgo.SeedBrokers(options.Bootstrap),
		kgo.ConsumerGroup(options.Group),
		kgo.ConsumeTopics(options.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(assignors[options.Assignor]),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(session / 20),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(added),
		kgo.OnPartitionsRevoked(removed),
		kgo.OnPartitionsLost(removed),
	}
	if options.Instance != "" {
		settings = append(settings, kgo.InstanceID(options.Instance))
	}
	client, err := kgo.NewClient(settings...)
	lines.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-lines.InputEnded()
		stop()
	}()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if records := fetches.Records(); len(records) > 0 {
			lines.Records(shown(records))
			// What is refused comes again.
			if err := client.CommitRecords(context.Background(), records...); err != nil {
				println(err.Error())
			}
		}
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.Canceled) {
				println(failed.Err.Error())
			}
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}

func shown(records []*kgo.Record) []lines.Received {
	all := make([]lines.Received, 0, len(records))
	for _, record := range records {
		headers := []lines.Header{}
		for _, header := range record.Headers {
			headers = append(headers, lines.Header{Name: header.Key, Value: header.Value})
		}
		all = append(all, lines.Received{
			Partition: record.Partition,
			Offset:    record.Offset,
			Timestamp: record.Timestamp.UnixMilli(),
			Key:       record.Key,
			Value:     record.Value,
			Headers:   headers,
		})
	}
	return all
}
