/** The lane of service types that no policy moves elsewhere, of users and of tenants. */
export const DEFAULT_LANE = 'default';

/** The Temporal task queue of a lane. */
export const taskQueueFor = (lane: string): string => (lane === DEFAULT_LANE ? 'expunge' : `expunge-${lane}`);

/** The Airflow DAG of a lane: the seed's name in the default lane, `<dag>__<lane>` elsewhere. */
export const dagIdFor = (dagId: string, lane: string): string => (lane === DEFAULT_LANE ? dagId : `${dagId}__${lane}`);
