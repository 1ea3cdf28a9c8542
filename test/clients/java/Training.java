import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Loads what Kafka's tools and clients load, and the classes that it is given: for the archive that ../java.ts makes. */
public class Training {
  /** Nobody answers there. */
  private static final Map<String, Object> NOWHERE = Map.of(
      "bootstrap.servers", "127.0.0.1:1", "group.id", "nobody", "max.block.ms", "300", "default.api.timeout.ms", "300");

  public static void main(String[] args) throws Exception {
    for (String name : args) Class.forName(name);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:1"))) {
      admin.listTopics().names().get(300, TimeUnit.MILLISECONDS);
    } catch (Exception expected) {
      // It has loaded what it takes to get here.
    }
    try (var producer = new KafkaProducer<>(NOWHERE, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer.send(new ProducerRecord<>("none", new byte[0]));
    }
    try (var consumer = new KafkaConsumer<>(NOWHERE, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of("none"));
      consumer.poll(Duration.ofMillis(300));
    }
  }
}
