/** What `weft describe` tells about. */
export type DescribedKind = 'service' | 'workload' | 'policy';

/** All that is known of one thing, in the order in which people read it. */
export interface Description {
  /** `Service shop/reviews` */
  readonly subject: string;
  readonly sections: readonly DescriptionSection[];
}

export interface DescriptionSection {
  readonly name: string;
  readonly rows: readonly DescriptionRow[];
}

export interface DescriptionRow {
  readonly text: string;
  /** Who says so: `policies/reviews.yaml:12`, or `default:D5`; absent: nobody decided it, it is so. */
  readonly by?: string;
  /** The object and its field, where one decided: `VirtualService/shop/reviews spec.http[0].timeout`. */
  readonly decidedBy?: string;
}
