import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What Java's Admin can ask for: prints one line `ok <name>` per scenario, or ends with the exception. */
public final class AdminScenarios {
  private static final long DEADLINE_MS = 30_000;
  private static String bootstrap;
  private static Admin admin;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    createTopics();
    describeTopics();
    configs();
    partitions();
    records();
    groups();
    members();
    deleteTopics();
    admin.close();
    System.exit(0);
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  private static <T extends Exception> void refused(Class<T> expected, Future<?> answer) throws Exception {
    try {
      answer.get();
    } catch (ExecutionException error) {
      check(expected.isInstance(error.getCause()), expected.getSimpleName() + " expected, not " + error.getCause());
      return;
    }
    throw new AssertionError("accepted instead of " + expected.getSimpleName());
  }

  private static Future<Void> create(NewTopic topic) {
    return admin.createTopics(List.of(topic)).all();
  }

  private static void createTopics() throws Exception {
    NewTopic topic = new NewTopic("admin-a", Optional.of(3), Optional.empty()).configs(Map.of("retention.ms", "9223372036854775807"));
    CreateTopicsResult created = admin.createTopics(List.of(topic));
    check(created.numPartitions("admin-a").get() == 3 && created.replicationFactor("admin-a").get() == 1, "shape");
    check(created.config("admin-a").get().get("retention.ms").value().equals("9223372036854775807"), "config");
    admin.createTopics(List.of(new NewTopic("admin-dry", 2, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
    check(!admin.listTopics().names().get().contains("admin-dry"), "validateOnly made a topic");
    refused(TopicExistsException.class, create(topic));
    refused(InvalidReplicationFactorException.class, create(new NewTopic("admin-x", 1, (short) 99)));
    for (int count : List.of(0, 1_000_000)) refused(InvalidPartitionsException.class, create(new NewTopic("admin-x", count, (short) 1)));
    for (String name : List.of(".", "..", "a/b", "x".repeat(250))) refused(InvalidTopicException.class, create(new NewTopic(name, 1, (short) 1)));
    create(new NewTopic("admin.dot", 1, (short) 1)).get();
    refused(InvalidTopicException.class, create(new NewTopic("admin_dot", 1, (short) 1)));
    for (Map.Entry<String, String> bad : Map.of("no.such", "1", "retention.ms", "-2", "cleanup.policy", "compact", "mqtt.filter", "a/#/b").entrySet())
      refused(InvalidConfigurationException.class, create(new NewTopic("admin-x", 1, (short) 1).configs(Map.of(bad.getKey(), bad.getValue()))));
    System.out.println("ok createTopics");
  }

  private static void describeTopics() throws Exception {
    Uuid id = admin.describeTopics(Set.of("admin-a")).allTopicNames().get().get("admin-a").topicId();
    check(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name().equals("admin-a"), "by id");
    DescribeTopicsOptions pages = new DescribeTopicsOptions().partitionSizeLimitPerResponse(1);
    check(admin.describeTopics(Set.of("admin-a", "admin.dot"), pages).allTopicNames().get().get("admin-a").partitions().size() == 3, "pages");
    refused(UnknownTopicOrPartitionException.class, admin.describeTopics(Set.of("admin-none")).allTopicNames());
    refused(UnknownTopicIdException.class, admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds());
    check(admin.describeCluster().controller().get() != null && !admin.describeCluster().clusterId().get().isEmpty(), "cluster");
    System.out.println("ok describeTopics");
  }

  private static final ConfigResource TOPIC = new ConfigResource(ConfigResource.Type.TOPIC, "admin-a");

  private static Config described() throws Exception {
    DescribeConfigsOptions all = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
    return admin.describeConfigs(Set.of(TOPIC), all).all().get().get(TOPIC);
  }

  private static Future<Void> alter(String name, String value, OpType operation, boolean validateOnly) {
    Collection<AlterConfigOp> changes = List.of(new AlterConfigOp(new ConfigEntry(name, value), operation));
    return admin.incrementalAlterConfigs(Map.of(TOPIC, changes), new AlterConfigsOptions().validateOnly(validateOnly)).all();
  }

  private static void configs() throws Exception {
    alter("retention.ms", "7200000", OpType.SET, false).get();
    alter("retention.ms", "1", OpType.SET, true).get();
    ConfigEntry set = described().get("retention.ms");
    check(set.value().equals("7200000") && set.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG && set.synonyms().size() == 2, "set");
    check(set.type() == ConfigEntry.ConfigType.LONG && !set.documentation().isEmpty() && !set.isReadOnly(), "type");
    alter("retention.ms", "", OpType.DELETE, false).get();
    check(described().get("retention.ms").isDefault(), "deleted");
    alter("cleanup.policy", "delete", OpType.APPEND, false).get();
    alter("cleanup.policy", "compact", OpType.SUBTRACT, false).get();
    check(described().get("cleanup.policy").value().equals("delete"), "list");
    refused(InvalidConfigurationException.class, alter("cleanup.policy", "compact", OpType.APPEND, false));
    refused(InvalidConfigurationException.class, alter("retention.ms", "1", OpType.APPEND, false));
    refused(InvalidConfigurationException.class, alter("mqtt.filter", "x", OpType.SET, false));
    refused(InvalidConfigurationException.class, alter("retention.ms", "soon", OpType.SET, true));
    System.out.println("ok configs");
  }

  private static void partitions() throws Exception {
    admin.createPartitions(Map.of("admin-a", NewPartitions.increaseTo(9)), new CreatePartitionsOptions().validateOnly(true)).all().get();
    admin.createPartitions(Map.of("admin-a", NewPartitions.increaseTo(4))).all().get();
    check(admin.describeTopics(Set.of("admin-a")).allTopicNames().get().get("admin-a").partitions().size() == 4, "partitions");
    for (int count : List.of(4, 2, 1_000_000))
      refused(InvalidPartitionsException.class, admin.createPartitions(Map.of("admin-a", NewPartitions.increaseTo(count))).all());
    System.out.println("ok partitions");
  }

  private static final TopicPartition FIRST = new TopicPartition("admin-a", 0);

  private static ListOffsetsResultInfo offset(OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(FIRST, spec)).all().get().get(FIRST);
  }

  private static void records() throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "max.request.size", 4_000_000, "delivery.timeout.ms", 20_000, "request.timeout.ms", 10_000);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (long time : List.of(1_000L, 2_000L, 5_000L, 3_000L)) producer.send(new ProducerRecord<>("admin-a", 0, time, "k", "v")).get();
      refused(InvalidTimestampException.class, producer.send(new ProducerRecord<>("admin-a", 0, Long.MAX_VALUE, "k", "v")));
      refused(InvalidTimestampException.class, producer.send(new ProducerRecord<>("admin-a", 0, System.currentTimeMillis() + 7_200_000, "k", "v")));
      refused(RecordTooLargeException.class, producer.send(new ProducerRecord<>("admin-a", 0, null, "k", "v".repeat(2_000_000))));
    }
    check(offset(OffsetSpec.earliest()).offset() == 0 && offset(OffsetSpec.latest()).offset() == 4, "ends");
    check(offset(OffsetSpec.maxTimestamp()).offset() == 2 && offset(OffsetSpec.maxTimestamp()).timestamp() == 5_000, "max timestamp");
    check(offset(OffsetSpec.forTimestamp(1_500)).offset() == 1 && offset(OffsetSpec.forTimestamp(5_001)).offset() == -1, "by time");
    check(offset(OffsetSpec.earliestLocal()).offset() == 0 && offset(OffsetSpec.latestTiered()).offset() == -1, "tiers");
    System.out.println("ok records");
  }

  private static void groups() throws Exception {
    admin.alterConsumerGroupOffsets("admin-g", Map.of(FIRST, new OffsetAndMetadata(2, Optional.of(0), "note"))).all().get();
    OffsetAndMetadata committed = admin.listConsumerGroupOffsets("admin-g").partitionsToOffsetAndMetadata().get().get(FIRST);
    check(committed.offset() == 2 && committed.metadata().equals("note") && committed.leaderEpoch().get() == 0, "committed");
    Map<String, ListConsumerGroupOffsetsSpec> both = Map.of("admin-g", new ListConsumerGroupOffsetsSpec(), "admin-none", new ListConsumerGroupOffsetsSpec());
    check(admin.listConsumerGroupOffsets(both).all().get().get("admin-none").isEmpty(), "offsets of no group");
    check(admin.describeConsumerGroups(Set.of("admin-g")).all().get().get("admin-g").groupState() == GroupState.EMPTY, "empty");
    check(admin.listGroups().all().get().stream().anyMatch(group -> group.groupId().equals("admin-g")), "listed");
    admin.deleteConsumerGroupOffsets("admin-g", Set.of(FIRST)).all().get();
    check(admin.listConsumerGroupOffsets("admin-g").partitionsToOffsetAndMetadata().get().isEmpty(), "offsets deleted");
    admin.deleteConsumerGroups(Set.of("admin-g")).all().get();
    refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(Set.of("admin-g")).all());
    refused(GroupIdNotFoundException.class, admin.describeConsumerGroups(Set.of("admin-none")).all());
    System.out.println("ok groups");
  }

  private static KafkaConsumer<String, String> member() {
    Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "admin-live", "group.instance.id", "one", "auto.offset.reset", "earliest");
    KafkaConsumer<String, String> member = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    member.subscribe(List.of("admin-a"));
    long deadline = System.currentTimeMillis() + DEADLINE_MS;
    while (member.assignment().size() < 4 && System.currentTimeMillis() < deadline) member.poll(Duration.ofMillis(50));
    check(member.assignment().size() == 4, "assignment");
    return member;
  }

  /** A static member keeps its place over a restart (KIP-345), and leaves when an operator says so. */
  private static void members() throws Exception {
    int generation;
    try (KafkaConsumer<String, String> member = member()) {
      member.enforceRebalance();
      long deadline = System.currentTimeMillis() + DEADLINE_MS;
      while (member.groupMetadata().generationId() < 2 && System.currentTimeMillis() < deadline) member.poll(Duration.ofMillis(50));
      generation = member.groupMetadata().generationId();
      refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(Set.of("admin-live")).all());
      refused(GroupSubscribedToTopicException.class, admin.deleteConsumerGroupOffsets("admin-live", Set.of(FIRST)).all());
      refused(UnknownMemberIdException.class, admin.alterConsumerGroupOffsets("admin-live", Map.of(FIRST, new OffsetAndMetadata(0))).all());
    }
    try (KafkaConsumer<String, String> member = member()) {
      check(generation == 2 && member.groupMetadata().generationId() == 2, "a restart began generation " + member.groupMetadata().generationId());
    }
    admin.removeMembersFromConsumerGroup("admin-live", new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("one")))).all().get();
    for (String group : List.of("admin-live", "admin-none"))
      refused(UnknownMemberIdException.class, admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("two")))).all());
    admin.deleteConsumerGroups(Set.of("admin-live")).all().get();
    System.out.println("ok members");
  }

  private static void deleteTopics() throws Exception {
    Uuid id = admin.describeTopics(Set.of("admin-a")).allTopicNames().get().get("admin-a").topicId();
    admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    refused(UnknownTopicIdException.class, admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
    refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(Set.of("admin-a")).all());
    create(new NewTopic("admin-a", 1, (short) 1)).get();
    check(!admin.describeTopics(Set.of("admin-a")).allTopicNames().get().get("admin-a").topicId().equals(id), "a new id");
    check(offset(OffsetSpec.latest()).offset() == 0, "nothing of the old topic");
    System.out.println("ok deleteTopics");
  }
}
