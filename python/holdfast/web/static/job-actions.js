// What can be done to a job.

import { post } from "./api.js";
import { announce, clear, confirm, report } from "./parts.js";
import { verb } from "./states.js";

/** Cancel a job, or try it again; one that runs loses its work, so that is asked first. */
export async function act(job, changed) {
  clear("job");
  const what = verb(job);
  if (!what) return;
  if (what === "Cancel" && job.state === "running") {
    const sure = await confirm({
      title: `Cancel job ${job.id}?`,
      text: `${job.kind} runs. It is asked to stop, and what it has done so far may be lost.`,
      action: "Cancel the job",
      danger: true,
    });
    if (!sure) return;
  }
  try {
    const found = await post(`jobs/${job.id}/${what.toLowerCase()}`);
    announce(`Job ${job.id}: ${found.cancel_requested && !found.finished ? "asked to stop" : found.state}`);
    changed(found);
  } catch (problem) {
    report("job", problem);
  }
}
