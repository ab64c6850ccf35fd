import type { Labels, Millis } from './policy.ts';
import type { Locality } from './registry-objects.ts';

/** What the workloads of a group have in common, and how their health is found. */
export interface WorkloadGroupSpec {
  readonly template: WorkloadTemplate;
  /** Shown with the workloads; nothing acts on them. */
  readonly annotations: Labels;
  /** Absent: whoever has joined is healthy. */
  readonly probe?: ReadinessProbe;
}

/** What a joining workload becomes; what is absent is the workload's own matter. */
export interface WorkloadTemplate {
  /** Of the template and of the metadata, which win. */
  readonly labels: Labels;
  /** By the names that Services may use for them; empty: whatever the workload says. */
  readonly ports: Readonly<Record<string, number>>;
  readonly serviceAccount?: string;
  readonly locality?: Locality;
  readonly weight?: number;
}

/** A test of the application, made beside it over and over. */
export interface ReadinessProbe {
  /** From the start of the workload to the first test. */
  readonly initialDelay: Millis;
  readonly period: Millis;
  /** How long one test may take. */
  readonly timeout: Millis;
  /** Equal results in a row that change what is known. */
  readonly successThreshold: number;
  readonly failureThreshold: number;
  readonly check: ProbeCheck;
}

export type ProbeCheck =
  /** GET; an answer from 200 to 399 is a success. Without `host` the application's own address is asked. */
  | {
      readonly kind: 'http';
      readonly scheme: 'http' | 'https';
      readonly host?: string;
      readonly port: number;
      /** With its query, in the characters of a URL. */
      readonly path: string;
      readonly headers: readonly ProbeHeader[];
    }
  /** A connection that comes to be. */
  | { readonly kind: 'tcp'; readonly host?: string; readonly port: number }
  /** The gRPC health service; an empty `service` is the whole server. */
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
  /** A program and its arguments, without a shell; 0 is a success. */
  | { readonly kind: 'exec'; readonly command: readonly string[] };

export interface ProbeHeader {
  readonly name: string;
  readonly value: string;
}
