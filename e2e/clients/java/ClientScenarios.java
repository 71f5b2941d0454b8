import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Scenarios of the Java client: prints one line `ok <name>` per scenario, or ends with the exception. */
public final class ClientScenarios {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final long DEADLINE_MS = 30_000;
  private static String bootstrap;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    codecs();
    topics();
    groups();
    times();
    headersAndOrder();
    System.exit(0);
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  private static KafkaProducer<String, String> producer(Map<String, String> extra) {
    Properties settings = new Properties();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.putAll(extra);
    return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
  }

  private static KafkaConsumer<String, String> consumer(String group) {
    Properties settings = new Properties();
    settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, group);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
  }

  private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> member, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (records.size() < count && System.currentTimeMillis() < deadline) member.poll(POLL).forEach(records::add);
    check(records.size() == count, records.size() + " of " + count + " records");
    return records;
  }

  /** The default producer is idempotent with acks=all: sequence numbers and CRC of every batch are checked. */
  private static void codecs() throws Exception {
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      String topic = "java-" + codec;
      List<Future<RecordMetadata>> answers = new ArrayList<>();
      try (KafkaProducer<String, String> producer = producer(Map.of("compression.type", codec, "linger.ms", "5"))) {
        for (int n = 0; n < 2_000; n++) answers.add(producer.send(new ProducerRecord<>(topic, "k", "value " + n)));
        producer.flush();
      }
      for (int n = 0; n < answers.size(); n++) check(answers.get(n).get().offset() == n, codec + ": offset of " + n);
      try (KafkaConsumer<String, String> member = consumer(topic + "-group")) {
        member.subscribe(List.of(topic));
        List<ConsumerRecord<String, String>> records = read(member, 2_000);
        for (int n = 0; n < records.size(); n++) check(records.get(n).value().equals("value " + n), codec + ": value " + n);
      }
    }
    System.out.println("ok codecs");
  }

  private static <T extends Exception> void refused(Class<T> expected, Future<?> answer) throws Exception {
    try {
      answer.get();
    } catch (ExecutionException error) {
      check(expected.isInstance(error.getCause()), "refused with " + error.getCause());
      return;
    }
    throw new AssertionError("accepted instead of " + expected.getSimpleName());
  }

  private static void topics() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      NewTopic topic = new NewTopic("java-admin", 2, (short) 1).configs(Map.of("retention.ms", "60000"));
      admin.createTopics(Set.of(topic)).all().get();
      refused(TopicExistsException.class, admin.createTopics(Set.of(topic)).all());
      NewTopic bad = new NewTopic("java-bad", 1, (short) 1).configs(Map.of("no.such.config", "1"));
      refused(InvalidConfigurationException.class, admin.createTopics(Set.of(bad)).all());
      check(admin.describeTopics(Set.of("java-admin")).allTopicNames().get().get("java-admin").partitions().size() == 2, "partitions");
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, "java-admin");
      AlterConfigOp change = new AlterConfigOp(new ConfigEntry("retention.ms", "120000"), AlterConfigOp.OpType.SET);
      admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
      check("120000".equals(admin.describeConfigs(Set.of(resource)).all().get().get(resource).get("retention.ms").value()), "retention.ms");
      admin.createPartitions(Map.of("java-admin", NewPartitions.increaseTo(4))).all().get();
      admin.deleteTopics(Set.of("java-admin")).all().get();
      check(!admin.describeCluster().nodes().get().isEmpty(), "no broker");
    }
    System.out.println("ok topics");
  }

  private static void groups() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(Set.of(new NewTopic("java-groups", 4, (short) 1))).all().get();
      try (KafkaConsumer<String, String> first = consumer("java-group"); KafkaConsumer<String, String> second = consumer("java-group")) {
        first.subscribe(List.of("java-groups"));
        until("all partitions at the first", () -> first.assignment().size() == 4, first);
        second.subscribe(List.of("java-groups"));
        until("two each", () -> first.assignment().size() == 2 && second.assignment().size() == 2, first, second);
        TopicPartition mine = first.assignment().iterator().next();
        first.commitSync(Map.of(mine, new OffsetAndMetadata(0, "note")));
        check(first.committed(Set.of(mine)).get(mine).metadata().equals("note"), "metadata of a commit");
        second.unsubscribe();
        until("all partitions back", () -> first.assignment().size() == 4, first);
        check(admin.describeConsumerGroups(Set.of("java-group")).all().get().get("java-group").members().size() == 1, "members");
      }
      admin.deleteConsumerGroups(Set.of("java-group")).all().get();
    }
    System.out.println("ok groups");
  }

  @SafeVarargs
  private static void until(String what, java.util.function.BooleanSupplier holds, KafkaConsumer<String, String>... members) {
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (!holds.getAsBoolean()) {
      check(System.currentTimeMillis() < deadline, "never: " + what);
      for (KafkaConsumer<String, String> member : members) if (!member.subscription().isEmpty()) member.poll(Duration.ofMillis(50));
    }
  }

  private static void times() throws Exception {
    TopicPartition partition = new TopicPartition("java-time", 0);
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int n = 0; n < 10; n++) producer.send(new ProducerRecord<>("java-time", 0, 1_000_000L + n * 1_000, "k", "v" + n)).get();
    }
    try (KafkaConsumer<String, String> member = consumer("java-time-group")) {
      check(member.offsetsForTimes(Map.of(partition, 1_004_500L)).get(partition).offset() == 5, "offset for a time");
      check(member.offsetsForTimes(Map.of(partition, 9_000_000L)).get(partition) == null, "offset beyond the last time");
      check(member.beginningOffsets(Set.of(partition)).get(partition) == 0, "beginning");
      check(member.endOffsets(Set.of(partition)).get(partition) == 10, "end");
    }
    System.out.println("ok times");
  }

  private static void headersAndOrder() throws Exception {
    try (KafkaProducer<String, String> producer = producer(Map.of("acks", "1", "enable.idempotence", "false"))) {
      ProducerRecord<String, String> record = new ProducerRecord<>("java-headers", "k", null);
      record.headers().add("a", new byte[] {1}).add("a", new byte[] {2}).add("empty", null);
      producer.send(record).get();
    }
    try (KafkaConsumer<String, String> member = consumer("java-headers-group")) {
      member.subscribe(List.of("java-headers"));
      ConsumerRecord<String, String> record = read(member, 1).get(0);
      check(record.value() == null && record.headers().toArray().length == 3, "a tombstone with three headers");
      check(record.headers().lastHeader("a").value()[0] == 2 && record.headers().lastHeader("empty").value() == null, "header values");
    }
    System.out.println("ok headers");
  }
}
