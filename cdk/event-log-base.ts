import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { LAG_METRIC, METRIC_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../functions/metric-names.ts';
import type { LogApi } from './api.ts';
import { type LogDelivery, logDelivery } from './delivery.ts';
import { EventLogGrants } from './grants.ts';
import type { LogFunctionProps } from './log-function.ts';
import { Topic, type TopicProps, topicsFunction } from './topic.ts';

/** An event log, of this stack or of another. (Under exactOptionalPropertyTypes the CDK's classes are not its own interfaces: hence the unions.) */
export interface IEventLog extends IConstruct {
  /** Its segments. */
  readonly bucket: s3.IBucket | s3.Bucket;
  /** All else. Whoever may write it directly is trusted with the whole log. */
  readonly table: dynamodb.ITable | dynamodb.Table;
  /** The way in. */
  readonly api: LogApi;
  /** Rights at the API. */
  readonly grants: EventLogGrants;
  /** What delivers its records to functions, made when it is first asked for: see `EventLogSource`. Of an imported log only where its attributes tell of it. */
  readonly delivery: LogDelivery;
  /** A topic that the stack creates, or adopts when it is there, and keeps as it is declared. The first brings a function along. */
  addTopic(id: string, props?: TopicProps): Topic;
  /**
   * What the functions count: see METRICS of functions/metric-names.ts, such as `RecordsAppended` and `AppendLatency`.
   * @default sum over 5 minutes; of `AppendLatency` the 99th percentile
   */
  metric(name: MetricName, options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /**
   * How many records of a topic a group with a subscription is behind; nothing is measured while it is not. Nor is it with `metrics: false`.
   * @default maximum over 5 minutes, which is how often it is measured
   */
  metricOffsetLag(topic: string, group: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Requests to the API. @default sum over 5 minutes */
  metricRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Requests that were answered with 5xx. @default sum over 5 minutes */
  metricServerErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Requests that were answered with 4xx. @default sum over 5 minutes */
  metricClientErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
  /** Milliseconds from a request's arrival to the end of its answer. @default 99th percentile over 5 minutes */
  metricLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What all logs have in common. */
export abstract class EventLogBase extends Construct implements IEventLog {
  abstract readonly bucket: s3.IBucket | s3.Bucket;
  abstract readonly table: dynamodb.ITable | dynamodb.Table;
  abstract readonly api: LogApi;
  /** For further functions of the log. */
  protected abstract readonly functionProps: LogFunctionProps;
  #grants: EventLogGrants | undefined;
  #delivery: LogDelivery | undefined;
  #topics: { scope: Construct; serviceToken: lambda.Function } | undefined;

  get grants(): EventLogGrants {
    this.#grants ??= new EventLogGrants(this.api);
    return this.#grants;
  }

  get delivery(): LogDelivery {
    this.#delivery ??= this.makeDelivery();
    return this.#delivery;
  }

  protected makeDelivery(): LogDelivery {
    return logDelivery(this, this.functionProps);
  }

  addTopic(id: string, props: TopicProps = {}): Topic {
    this.#topics ??= {
      scope: new Construct(this, 'Topic'),
      serviceToken: topicsFunction(this, this.functionProps),
    };
    const { scope, serviceToken } = this.#topics;
    return new Topic(scope, id, { ...props, log: this, serviceToken });
  }

  metric(name: MetricName, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      dimensionsMap: { [METRIC_DIMENSION]: this.table.tableName },
      metricName: name,
      statistic: name === 'AppendLatency' ? cloudwatch.Stats.p(99) : cloudwatch.Stats.SUM,
      ...options,
    });
  }

  metricOffsetLag(topic: string, group: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      dimensionsMap: { [METRIC_DIMENSION]: this.table.tableName, topic, group },
      metricName: LAG_METRIC,
      statistic: cloudwatch.Stats.MAXIMUM,
      ...options,
    });
  }

  metricRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.api.metric('requests', options);
  }

  metricServerErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.api.metric('serverErrors', options);
  }

  metricClientErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.api.metric('clientErrors', options);
  }

  metricLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.api.metric('latency', options);
  }
}
