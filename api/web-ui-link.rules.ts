/** Where Temporal's Web UI shows a workflow. */
export interface WebUi {
  readonly url: string;
  readonly namespace: string;
}

/** The page of a workflow, of the run that is named or of the latest. */
export function webUiLink({ url, namespace }: WebUi, workflowId: string): string {
  return `${url}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
}
