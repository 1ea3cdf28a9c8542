import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Produces or consumes with Kafka's own client. What it reads and prints: ../program.ts says what it means. */
public class Client {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, String> ASSIGNORS = Map.of(
      "range", "org.apache.kafka.clients.consumer.RangeAssignor",
      "roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor",
      "sticky", "org.apache.kafka.clients.consumer.StickyAssignor",
      "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

  public static void main(String[] args) throws Exception {
    JsonNode options = JSON.readTree(args[1]);
    if (args[0].equals("produce")) produce(options);
    else consume(options);
  }

  private static synchronized void say(JsonNode line) {
    System.out.println(line);
    System.out.flush();
  }

  private static byte[] bytesOf(JsonNode text) throws IOException {
    return text.isNull() ? null : text.binaryValue();
  }

  private static void produce(JsonNode options) throws Exception {
    Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      JsonNode sent = JSON.readTree(line);
      List<Header> headers = new ArrayList<>();
      for (JsonNode header : sent.get("headers")) headers.add(new RecordHeader(header.get(0).textValue(), bytesOf(header.get(1))));
      int id = sent.get("id").intValue();
      String codec = sent.get("codec").textValue();
      ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
          options.get("topic").textValue(), sent.get("partition").intValue(), sent.get("timestamp").longValue(),
          bytesOf(sent.get("key")), bytesOf(sent.get("value")), headers);
      producers.computeIfAbsent(codec, (one) -> producer(options, one)).send(record, (at, error) -> {
        ObjectNode told = JSON.createObjectNode();
        if (error != null) say(told.put("refused", id).put("error", error.toString()));
        else say(told.put("acked", id).put("partition", at.partition()).put("offset", at.offset()));
      });
    }
    for (KafkaProducer<byte[], byte[]> producer : producers.values()) producer.close();
  }

  private static KafkaProducer<byte[], byte[]> producer(JsonNode options, String codec) {
    Properties props = new Properties();
    props.put("bootstrap.servers", options.get("bootstrap").textValue());
    props.put("enable.idempotence", options.get("idempotent").booleanValue());
    props.put("acks", "all");
    props.put("compression.type", codec);
    props.put("batch.size", 1024);
    props.put("linger.ms", 0);
    props.put("max.request.size", 4 << 20);
    return new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static void consume(JsonNode options) throws Exception {
    int session = options.get("session").intValue();
    Properties props = new Properties();
    props.put("bootstrap.servers", options.get("bootstrap").textValue());
    props.put("group.id", options.get("group").textValue());
    props.put("auto.offset.reset", "earliest");
    props.put("enable.auto.commit", false);
    props.put("partition.assignment.strategy", ASSIGNORS.get(options.get("assignor").textValue()));
    props.put("session.timeout.ms", session);
    props.put("heartbeat.interval.ms", session / 20);
    if (options.has("instance")) props.put("group.instance.id", options.get("instance").textValue());
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    Thread ender = new Thread(() -> {
      try {
        System.in.transferTo(java.io.OutputStream.nullOutputStream());
      } catch (IOException error) {
        error.printStackTrace();
      }
      consumer.wakeup();
    });
    ender.setDaemon(true);
    ender.start();
    consumer.subscribe(List.of(options.get("topic").textValue()), new Assignment());
    try {
      while (true) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(1));
        if (records.isEmpty()) continue;
        ArrayNode shown = JSON.createArrayNode();
        for (ConsumerRecord<byte[], byte[]> record : records) shown.add(shown(record));
        say(JSON.createObjectNode().set("records", shown));
        try {
          consumer.commitSync();
        } catch (WakeupException error) {
          consumer.commitSync();
          break;
        } catch (KafkaException error) {
          // What is refused comes again.
          System.err.println(error);
        }
      }
    } catch (WakeupException error) {
      // The end of the input.
    }
    consumer.close();
  }

  private static ObjectNode shown(ConsumerRecord<byte[], byte[]> record) {
    ObjectNode shown = JSON.createObjectNode().put("partition", record.partition()).put("offset", record.offset());
    shown.put("timestamp", record.timestamp()).put("key", record.key()).put("value", record.value());
    ArrayNode headers = shown.putArray("headers");
    for (Header header : record.headers()) headers.addArray().add(header.key()).add(header.value());
    return shown;
  }

  private static class Assignment implements ConsumerRebalanceListener {
    private final TreeSet<Integer> mine = new TreeSet<>();

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      for (TopicPartition one : assigned) mine.add(one.partition());
      told();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      for (TopicPartition one : revoked) mine.remove(one.partition());
      told();
    }

    private void told() {
      ArrayNode assigned = JSON.createArrayNode();
      for (int partition : mine) assigned.add(partition);
      say(JSON.createObjectNode().set("assigned", assigned));
    }
  }
}
