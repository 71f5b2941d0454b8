// The settings that every app has for its telemetry; apps put them into their own schema.

import { section, setting, z } from '@robustmq/config';
import { LOG_LEVELS } from './log.ts';

/** Members `log`, `traces` and `ops` for the schema of an app: `z.strictObject({ ...telemetrySettings(9090) })`. */
export function telemetrySettings(defaultOpsPort: number): {
  log: ReturnType<typeof logSettings>;
  traces: ReturnType<typeof traceSettings>;
  ops: ReturnType<typeof opsSettings>;
} {
  return { log: logSettings(), traces: traceSettings(), ops: opsSettings(defaultOpsPort) };
}

function logSettings() {
  return section({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .describe('Least level that is logged.')
      .meta({ zh: '记录日志的最低级别。' }),
  });
}

function traceSettings() {
  return section({
    endpoint: z
      .url()
      .optional()
      .describe(
        'OTLP/HTTP endpoint for traces, such as http://collector:4318/v1/traces; tracing is off without it.',
      )
      .meta({ zh: 'OTLP/HTTP 追踪端点；不设置则关闭追踪。' }),
    ratio: z
      .number()
      .min(0)
      .max(1)
      .default(0.001)
      .describe('Share of traces begun here that are recorded; traces begun by a client follow the client.')
      .meta({ zh: '本地发起的追踪的采样比例；客户端发起的追踪遵循客户端的决定。' }),
  });
}

function opsSettings(defaultOpsPort: number) {
  return section({
    host: z
      .string()
      .default('127.0.0.1')
      .describe('Address of the port for probes and metrics.')
      .meta({ zh: '探针与指标端口的监听地址。' }),
    port: setting
      .port()
      .default(defaultOpsPort)
      .describe('Port for probes, metrics, log filter and drain.')
      .meta({ zh: '探针、指标、日志过滤与排空端口。' }),
    token: setting
      .secret()
      .optional()
      .describe('Token that lets other machines change the log filter and start a drain.')
      .meta({ zh: '允许其他机器修改日志过滤和发起排空的令牌。' }),
  });
}

/** The values of {@link telemetrySettings}. */
export type TelemetryValues = {
  readonly [K in keyof ReturnType<typeof telemetrySettings>]: z.output<
    ReturnType<typeof telemetrySettings>[K]
  >;
};
