// Produces or consumes with sarama.
package main

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"varve/clients/lines"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var assignors = map[string]func() sarama.BalanceStrategy{
	"range":              sarama.NewBalanceStrategyRange,
	"roundrobin":         sarama.NewBalanceStrategyRoundRobin,
	"sticky":             sarama.NewBalanceStrategySticky,
	"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky,
}

func main() {
	lines.Main(produce, consume)
}

func produce(options lines.Options) {
	producers := map[string]sarama.AsyncProducer{}
	var told sync.WaitGroup
	producer := func(codec string) sarama.AsyncProducer {
		if producers[codec] == nil {
			config := sarama.NewConfig()
			config.Version = sarama.MaxVersion
			config.Producer.Compression = codecs[codec]
			config.Producer.RequiredAcks = sarama.WaitForAll
			config.Producer.Partitioner = sarama.NewManualPartitioner
			config.Producer.Return.Successes = true
			config.Producer.Flush.MaxMessages = 20
			config.Producer.Retry.Max = 300
			config.Metadata.Retry.Max = 300
			if options.Idempotent {
				config.Producer.Idempotent = true
				config.Net.MaxOpenRequests = 1
			}
			client, err := sarama.NewAsyncProducer([]string{options.Bootstrap}, config)
			lines.Check(err)
			producers[codec] = client
			go func() {
				for sent := range client.Successes() {
					lines.Delivered(sent.Metadata.(int), sent.Partition, sent.Offset, nil)
					told.Done()
				}
			}()
			go func() {
				for failed := range client.Errors() {
					lines.Delivered(failed.Msg.Metadata.(int), 0, 0, failed.Err)
					told.Done()
				}
			}()
		}
		return producers[codec]
	}
	lines.Each(func(sent lines.Sent) {
		message := &sarama.ProducerMessage{
			Topic:     options.Topic,
			Partition: sent.Partition,
			Timestamp: time.UnixMilli(sent.Timestamp),
			Metadata:  sent.ID,
		}
		// A nil of their encoder's type would be an empty key.
		if sent.Key != nil {
			message.Key = sarama.ByteEncoder(sent.Key)
		}
		if sent.Value != nil {
			message.Value = sarama.ByteEncoder(sent.Value)
		}
		for _, header := range sent.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		told.Add(1)
		producer(sent.Codec).Input() <- message
	})
	// What a producer that is closing has to send again it refuses.
	told.Wait()
	for _, client := range producers {
		client.AsyncClose()
	}
}

type handler struct{ assignment *lines.Assignment }

func (*handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	mine := []int32{claim.Partition()}
	h.assignment.Change(mine, nil)
	defer h.assignment.Change(nil, mine)
	for {
		select {
		case <-session.Context().Done():
			return nil
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			batch := []*sarama.ConsumerMessage{message}
			for waiting := len(claim.Messages()); waiting > 0; waiting-- {
				if message, open = <-claim.Messages(); open {
					batch = append(batch, message)
				}
			}
			lines.Records(shown(batch))
			session.MarkMessage(batch[len(batch)-1], "")
			session.Commit()
		}
	}
}

func consume(options lines.Options) {
	session := time.Duration(options.Session) * time.Millisecond
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = session
	config.Consumer.Group.Heartbeat.Interval = session / 20
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{assignors[options.Assignor]()}
	config.Consumer.Group.InstanceId = options.Instance
	group, err := sarama.NewConsumerGroup([]string{options.Bootstrap}, options.Group, config)
	lines.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-lines.InputEnded()
		stop()
	}()
	reader := &handler{lines.NewAssignment()}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{options.Topic}, reader); err != nil {
			println(err.Error())
		}
	}
	lines.Check(group.Close())
}

func shown(messages []*sarama.ConsumerMessage) []lines.Received {
	all := make([]lines.Received, 0, len(messages))
	for _, message := range messages {
		headers := []lines.Header{}
		for _, header := range message.Headers {
			headers = append(headers, lines.Header{Name: string(header.Key), Value: header.Value})
		}
		all = append(all, lines.Received{
			Partition: message.Partition,
			Offset:    message.Offset,
			Timestamp: message.Timestamp.UnixMilli(),
			Key:       message.Key,
			Value:     message.Value,
			Headers:   headers,
		})
	}
	return all
}
