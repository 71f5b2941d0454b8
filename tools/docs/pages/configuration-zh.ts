// What each setting means, in Chinese, by its English description; a schema may also say it itself (`meta({ zh })`).

/** The page is not written unless every description is here or in its schema. */
export const DESCRIPTIONS_IN_CHINESE: Readonly<Record<string, string>> = {
  'Name of this process in the cluster; stable over restarts.': '本进程在集群中的名称；重启后不变。',
  'Zone or rack of this process.': '本进程所在的可用区或机架。',
  'Folder of the log and the applied state.': '日志与已应用状态的目录。',
  'Address to listen on for the other services.': '供其他服务连接的监听地址。',
  'Port to listen on for the other services.': '供其他服务连接的端口。',
  'Data groups; fixed when the data folder is created.': '数据组数；建立数据目录时确定。',
  'File with the secret that all services of a cluster share; meta-service makes it.':
    '存放集群所有服务共享的密钥的文件；由 meta-service 生成。',
  'Size of a pre-allocated file of the log.': '日志的一个预分配文件的大小。',
  'A process that does not renew for this long is considered gone.': '超过此时间不续租的进程视为已离开。',
  'How often processes renew.': '进程续租的间隔。',
  'Who may open an MQTT session: only the user who made it, or whoever connects with its client id. A session that an anonymous client made passes to the first user.':
    '谁可以打开 MQTT 会话：仅限创建它的用户，或任何以其客户端标识连接者。匿名客户端创建的会话归第一个打开它的用户所有。',
  'Shards of the built-in stream mqtt, fixed when it is created.': '内置 stream mqtt 的分片数，建立时确定。',
  'Most streams of a tenant.': '一个租户最多的 stream 数。',
  'Most shards of all streams of a tenant.': '一个租户所有 stream 最多的分片总数。',
  'Shards that a tenant may make at once.': '一个租户可以一次创建的分片数。',
  'Shards that a tenant may make per second beyond that.': '超出之后，一个租户每秒可以创建的分片数。',
  'Shards of a stream that asks for no number.': '未指定个数的 stream 的分片数。',
  'Whether a new stream owns the MQTT topic of its own name.': '新 stream 是否拥有与自己同名的 MQTT 主题。',
  'Name of this node; stable over restarts': '本节点的名称；重启后不变。',
  'Failure zone, for placing replicas': '故障域，用于安放副本。',
  'Folder of the commit log and the segments': '提交日志与段文件的目录。',
  'Address to listen on for gateways': '供网关连接的监听地址。',
  'Port for gateways': '供网关连接的端口。',
  'host:port that others connect to; empty: the address listened on':
    '供其他进程连接的 host:port；为空则用监听地址。',
  'Size of a pre-allocated file': '一个预分配文件的大小。',
  'Appended bytes after which the segments are synced and the commit log recycled':
    '追加多少字节之后同步段文件并循环使用提交日志。',
  'Appends are refused while less is free on the disk, beside what the commit log needs':
    '磁盘剩余空间（提交日志所需之外）少于此值时拒绝追加。',
  'Memory for answers to fetches and backlog reads that have not left; no gateway gets more than a quarter':
    '尚未发出的拉取与积压读取应答可占用的内存；任何网关不超过其四分之一。',
  'Commands that grow are refused while less is free on the disk, beside what the log needs':
    '磁盘剩余空间（日志所需之外）少于此值时拒绝会增加数据的命令。',
  'A warning is logged while less is free on the disk': '磁盘剩余空间少于此值时记录警告。',
  'Time to drain before the process ends anyway': '排空的时限，到时进程仍会结束。',
  'Name of this node; stable over restarts.': '本节点的名称；重启后不变。',
  'host:port of each meta-service.': '每个 meta-service 的 host:port。',
  'Tenant of the clients of this gateway.': '本网关客户端所属的租户。',
  'Address to listen on for MQTT over TCP.': 'MQTT over TCP 的监听地址。',
  'Port for MQTT over TCP.': 'MQTT over TCP 的端口。',
  'Serve MQTT over WebSocket.': '是否提供 MQTT over WebSocket。',
  'Address to listen on for MQTT over WebSocket.': 'MQTT over WebSocket 的监听地址。',
  'Port for MQTT over WebSocket.': 'MQTT over WebSocket 的端口。',
  'Paths of the WebSocket; a slash behind one makes no difference.':
    'WebSocket 的路径列表；末尾有无斜杠均可。',
  'Address to listen on for other gateways.': '供其他网关连接的监听地址。',
  'Port for other gateways: mesh and takeover.': '供其他网关连接的端口：网格与会话接管。',
  'host:port that other gateways connect to; empty: the address listened on.':
    '供其他网关连接的 host:port；为空则用监听地址。',
  'Let clients in that send no username; a username is verified all the same, unless this is ignore-credentials: then everybody is anonymous, for devices that can’t be told to send none.':
    '是否允许不带用户名的客户端；带用户名时仍要验证。设为 ignore-credentials 时所有客户端一律匿名，用于无法去掉用户名的设备。',
  'User properties of one packet; a client that sends more is disconnected.':
    '一个报文中的用户属性个数上限；超出的客户端被断开。',
  'Topic filters of one SUBSCRIBE or UNSUBSCRIBE; a client that sends more is disconnected.':
    '一个 SUBSCRIBE 或 UNSUBSCRIBE 中的主题过滤器个数上限；超出的客户端被断开。',
  'Levels of the topic of a message; deeper ones are refused.': '消息的 MQTT 主题的层级上限；更深的被拒绝。',
  'Connections at once; more are refused.': '同时的连接数；超出的被拒绝。',
  'Connections at once from one IPv4 address or one IPv6 /64; more are refused. 0: any number, for clients that share an address behind a proxy or NAT.':
    '来自同一个 IPv4 地址或同一个 IPv6 /64 的同时连接数；超出的被拒绝。0：不限，供经代理或 NAT 共用地址的客户端使用。',
  'Connections accepted per second.': '每秒接受的连接数。',
  'A connection without a complete CONNECT is closed after this.':
    '在此时间内没有完整 CONNECT 的连接被关闭。',
  'Largest packet of a client, announced as Maximum Packet Size. A publish is refused all the same (0x97) if its stream takes no batch of that size (max.message.bytes).':
    '客户端报文的最大字节数，作为 Maximum Packet Size 宣告。若其所属流不接受如此大的批次（max.message.bytes），发布仍会被拒绝（0x97）。',
  'Longest client id in UTF-8; credentials and will have to fit into the same packet of 64 KiB.':
    '客户端标识的最大长度（UTF-8 字节）；凭据与遗嘱须与其同处一个 64 KiB 的报文中。',
  'QoS 1 publishes that a client may have unacknowledged.': '一个客户端可以未被确认的 QoS 1 发布数。',
  'QoS 1 messages sent to a client and unacknowledged, unless it allows fewer.':
    '发给一个客户端而未被确认的 QoS 1 消息数，除非它允许的更少。',
  'Bytes that all clients together may keep by what they send: half of them with packets and WebSocket messages that are not complete, half with topic aliases. Beyond that clients are disconnected (0x97, WebSocket 1013).':
    '所有客户端合计可因其所发内容而保留的字节数：一半用于未完整的报文与 WebSocket 消息，一半用于主题别名。超出时断开客户端（0x97，WebSocket 为 1013）。',
  'Topic aliases per connection, in each direction.': '每个连接在每个方向的主题别名数。',
  'Longest keep alive in seconds for MQTT 5 clients; 0: what the client asks for.':
    'MQTT 5 客户端最长的 keep alive（秒）；0 表示按客户端的要求。',
  'SUBSCRIBE and UNSUBSCRIBE packets of one client that are not answered yet.':
    '一个客户端尚未应答的 SUBSCRIBE 与 UNSUBSCRIBE 报文数。',
  'Subscriptions of one session.': '一个会话的订阅数。',
  'Characters of all topic filters of one session; a filter beyond them is refused.':
    '一个会话所有主题过滤器的字符总数；超出的过滤器被拒绝。',
  'Output that may wait for a client before QoS 1 messages are left for later.':
    '等待发给一个客户端的输出超过此值时，QoS 1 消息留待以后。',
  'Output that may wait for a client before QoS 0 messages to it are dropped.':
    '等待发给一个客户端的输出超过此值时，丢弃发给它的 QoS 0 消息。',
  'A client that sends on, but takes none of the output waiting for it for so long, is cut.':
    '客户端仍在发送，却在这么长时间内完全不接收等待发给它的输出时，断开该连接。',
  'Longest session expiry in seconds; also that of 3.x sessions without clean session.':
    '最长的会话过期时间（秒）；也用于没有 clean session 的 3.x 会话。',
  'Start of the Response Information of clients that ask for it.':
    '应客户端请求给出的 Response Information 的开头。',
  'A QoS 1 message is skipped when its client has left so many times without a goodbye while it was unacknowledged, from the fourth time on while it was alone in flight; 0: never, else more than 3.':
    '某条 QoS 1 消息未确认时客户端不辞而别达到此次数（从第四次起须是唯一在途消息）后跳过该消息；0 表示从不跳过，否则须大于 3。',
  'How often the cursors of durable sessions are stored.': '保存持久会话游标的间隔。',
  'Shortest distance of two append frames to a journal under load.':
    '负载下发往同一 journal 的两个追加帧的最短间隔。',
  'A publish that is not committed by then fails.': '到时仍未提交的发布失败。',
  'A subscription that the journals have not confirmed by then fails.': '到时仍未被 journal 确认的订阅失败。',
  'Recent records kept per shard for clients that are a little behind.':
    '为稍微落后的客户端保留的每分片近期记录。',
  'Bytes of one read of what a session missed.': '一次读取会话错过的消息的字节数。',
  'Reads of missed messages under way at once.': '同时进行的对错过消息的读取数。',
  'Topics whose route is remembered.': '记住其路由的 MQTT 主题数。',
  'Time to drain before the process ends anyway.': '排空的时限，到时进程仍会结束。',
  'Zone or rack of this process, shown to clients.': '本进程所在的可用区或机架，会告知客户端。',
  'Tenant whose streams the clients of this gateway see.': '本网关的客户端所见 stream 的租户。',
  'Address to listen on for Kafka clients.': '供 Kafka 客户端连接的监听地址。',
  'Port to listen on for Kafka clients.': '供 Kafka 客户端连接的端口。',
  'host:port that clients are told to dial; empty: the address that each client dialled.':
    '告知客户端连接的 host:port；为空则用各客户端自己所连的地址。',
  'Create a topic on its first use, when the client asks for it.': '客户端要求时，在首次使用时创建 topic。',
  'Let Kafka clients write to topic mqtt, which MQTT clients share.':
    '是否允许 Kafka 客户端写入 MQTT 客户端共用的 Kafka topic mqtt。',
  'Connections at most.': '连接数上限。',
  'Largest Produce request.': 'Produce 请求的最大字节数。',
  'Largest request of every other kind.': '其他各种请求的最大字节数。',
  'Largest record batch that any topic may allow.': '任何 topic 可以允许的最大记录批次。',
  'Bytes of requests that all connections hold together.': '所有连接合计持有的请求字节数。',
  'Unanswered requests per connection.': '每个连接未应答的请求数。',
  'Answers that a connection may leave unread before its requests wait.':
    '连接未读的应答超过此值时，它的请求等待。',
  'A connection without a complete first request is closed after this.':
    '在此时间内没有完整的第一个请求的连接被关闭。',
  'A connection without requests is closed after this.': '在此时间内没有请求的连接被关闭。',
  'A client that stops in the middle of a request, or reads nothing, is closed after this.':
    '在请求中途停下、或什么也不读的客户端，在此时间后被关闭。',
  'Most bytes of records in one answer; at least one batch is always returned.':
    '一次应答中记录的最大字节数；总是至少返回一个批次。',
  'Longest long poll.': '长轮询的最长时间。',
  'Fetch sessions kept (KIP-227).': '保留的拉取会话数（KIP-227）。',
  'Partitions that all fetch sessions hold together.': '所有拉取会话合计持有的分区数。',
  'Shortest session timeout that a member may ask for.': '成员可以要求的最短会话超时。',
  'Longest session timeout that a member may ask for.': '成员可以要求的最长会话超时。',
  'How long the first rebalance of an empty group waits for more members.':
    '空组的第一次再均衡等待更多成员的时间。',
  'Members of one group.': '一个组的成员数。',
  'Groups that one gateway coordinates.': '一个网关协调的组数。',
  'Longest metadata of a committed offset, in characters, as in Kafka.':
    '已提交偏移的元数据的最大长度，与 Kafka 一样以字符计。',
  'How long running requests may finish at a stop.': '停止时，进行中的请求可以继续多久。',
  'Address to listen on for the HTTP API.': 'HTTP API 的监听地址。',
  'Port of the HTTP API.': 'HTTP API 的端口。',
  'Largest request body.': '请求体的最大字节数。',
  'A request that has not arrived by then is refused.': '到时仍未完整到达的请求被拒绝。',
  'Old segments are deleted by time and size.': '旧的段按时间与大小删除。',
  'Batches are stored as their producer compressed them.': '批次按 producer 压缩的样子存储。',
  'Largest record batch, after compression.': '最大的记录批次，按压缩后计算。',
  'How far the timestamp of a producer may be ahead of the clock of the gateway.':
    '生产者的时间戳最多可以比网关的时钟超前多少。',
  'How far the timestamp of a producer may be behind the clock of the gateway.':
    '生产者的时间戳最多可以比网关的时钟落后多少。',
  'Bytes of answers that all clients together leave unread and that reads under way may bring; a Fetch claims its share before it reads, or waits in line.':
    '所有客户端尚未读取的应答与正在进行的读取可能带来的字节数之和的上限；Fetch 在读取前申领自己的份额，否则排队等待。',
  'How long a consumer group without members keeps its offsets (KIP-211).':
    '没有成员的消费者组保留其偏移量的时长（KIP-211）。',
  'Whether timestamps are those of the producer or of the append.': '时间戳取 producer 的还是追加时刻的。',
  'In-sync replicas without which acks=all is refused.': '同步副本少于此数时拒绝 acks=all。',
  'Bytes of a partition beyond which old segments are deleted; -1: no limit.':
    '分区超过此字节数时删除旧的段；-1 表示没有上限。',
  'Age at which segments are deleted; -1: no limit.': '段超过此时长（毫秒）即被删除；-1 表示没有上限。',
  'Size at which a new segment is started.': '达到此大小（字节）时开始新的段。',
  'Age at which a new segment is started.': '达到此时长（毫秒）时开始新的段。',
  'MQTT topic filter whose topics this topic owns; fixed at creation.':
    '本 topic 所拥有的 MQTT 主题的过滤器；创建时确定。',
  'When MQTT publishes are acknowledged: once committed, or from the memory of the leader.':
    '何时确认 MQTT 发布：提交之后，或在 leader 的内存中时。',
};
