import java.time.Duration;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Streams programs whose every output record is determined by what their input topics hold, if that is there before they start:
 * one thread; no caches, so that each update is forwarded; inputs of a join are merged by timestamp (KIP-695 waits for what the
 * broker has); a task writes to the output partition of its own number only, because keys are kept and partition counts agree; and
 * the outer join looks for what has found no match after each record, not once in a second of the clock.
 *
 * <p>Arguments: bootstrap servers, application id, state folder, program ("all" or "counting"), the number of the record at which
 * to stand still for ever (0: none). Topics in and out have names of their own. Prints what is restored. Runs until it is told to
 * stop.
 */
public class StreamsPrograms {
  public static void main(String[] args) {
    Properties props = new Properties();
    props.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    props.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
    props.put(StreamsConfig.STATE_DIR_CONFIG, args[2]);
    props.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.String().getClass());
    props.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.String().getClass());
    props.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    props.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, 0L);
    props.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    // A static member: who comes back after a kill need not wait until the one that was killed has been missed.
    props.put(StreamsConfig.consumerPrefix("group.instance.id"), "one");
    int haltAt = Integer.parseInt(args[4]);
    // Who stands still has committed nothing: what it did is done again.
    props.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, haltAt > 0 ? 3_600_000 : 100);
    props.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 100);

    StreamsBuilder builder = new StreamsBuilder();
    if (args[3].equals("all")) {
      KStream<String, String> clicks = builder.stream("clicks");
      clicks.filter((user, page) -> page.startsWith("important")).to("important-clicks");
      windows(clicks);
      joinStreams(builder);
      joinTable(builder);
    } else {
      count(builder, haltAt);
    }
    KafkaStreams streams = new KafkaStreams(builder.build(), props);
    streams.setGlobalStateRestoreListener(new Restored());
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
              .SHUTDOWN_APPLICATION;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  /** By page, over a repartition topic: each update of a window's count, and its last one when the window is closed. */
  static void windows(KStream<String, String> clicks) {
    KTable<Windowed<String>, Long> counts =
        clicks
            .map((user, page) -> KeyValue.pair(page, user))
            .repartition(Repartitioned.<String, String>as("by-page").withNumberOfPartitions(2))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(60), Duration.ofSeconds(30)))
            .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("page-counts-store"));
    named(counts).to("page-counts");
    named(counts.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("closed")))
        .to("page-finals");
  }

  static KStream<String, String> named(KTable<Windowed<String>, Long> counts) {
    return counts.toStream().map((page, count) -> KeyValue.pair(page.key(), page.window().start() + ": " + count));
  }

  /** Orders with the payments of 30 seconds around them: the pairs, and what of both is left without the other. */
  static void joinStreams(StreamsBuilder builder) {
    KStream<String, String> orders = builder.stream("orders");
    KStream<String, String> payments = builder.stream("payments");
    JoinWindows around = JoinWindows.ofTimeDifferenceAndGrace(Duration.ofSeconds(30), Duration.ofSeconds(10));
    orders
        .join(payments, (order, payment) -> order + " + " + payment, around, StreamJoined.as("paid"))
        .to("paid-orders");
    orders
        .outerJoin(payments, (order, payment) -> order + " + " + payment, around, StreamJoined.as("any"))
        .to("orders-and-payments");
  }

  /** Purchases with the customer of that moment, if there is one; and with the shop, whose table every instance has whole. */
  static void joinTable(StreamsBuilder builder) {
    KTable<String, String> customers =
        builder.table("customers", Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("customers-store"));
    KStream<String, String> purchases = builder.stream("purchases");
    purchases.join(customers, (what, who) -> who + " buys " + what).to("purchases-of-customers");
    purchases.leftJoin(customers, (what, who) -> who + " buys " + what).to("purchases-of-any");
    purchases
        .join(builder.globalTable("shops"), (customer, what) -> what.split("@")[1], (what, shop) -> what + " in " + shop)
        .to("purchases-in-shops");
    customers.groupBy((customer, city) -> KeyValue.pair(city, customer), Grouped.as("by-city")).count(Named.as("cities"))
        .toStream().mapValues(count -> "" + count).to("customers-in-cities");
  }

  /** A count and a set of what each user clicked: after a kill the count may be too high, the set may not. */
  static void count(StreamsBuilder builder, int haltAt) {
    AtomicInteger seen = new AtomicInteger();
    KStream<String, String> input = builder.stream("clicks");
    input
        .peek(
            (user, page) -> {
              if (seen.incrementAndGet() == haltAt) halt();
            })
        .groupByKey()
        .aggregate(
            () -> "0",
            (user, page, known) -> {
              String[] words = known.split(" ");
              TreeSet<String> pages = new TreeSet<>(java.util.List.of(words).subList(1, words.length));
              pages.add(page);
              return Integer.parseInt(words[0]) + 1 + " " + String.join(" ", pages);
            },
            Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("pages-store"))
        .toStream()
        .to("pages-of-users");
  }

  static void halt() {
    System.out.println("halted");
    try {
      Thread.sleep(Long.MAX_VALUE);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  static class Restored implements StateRestoreListener {
    @Override
    public void onRestoreStart(TopicPartition partition, String store, long first, long end) {}

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long last, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long count) {
      System.out.println("restored " + store + " " + partition.partition() + " " + count);
    }
  }
}
