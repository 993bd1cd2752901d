// What the action does with comments on pull requests. `github` is the authenticated client
// of actions/github-script, `env` has PLAN_FILE and COMMENT_AUTHOR.
const fs = require("fs");

/** The plan as Markdown, and its first line: the hidden marker of this spec's comments. */
function readPlan(env) {
  const body = fs.readFileSync(env.PLAN_FILE, "utf8");
  return { body, marker: body.split("\n", 1)[0] };
}

/** Our comment on a pull request with this marker; undefined when there is none. Anyone can write a marker. */
async function findComment({ github, context, env }, number, marker) {
  const comments = await github.paginate(github.rest.issues.listComments, {
    ...context.repo,
    issue_number: number,
    per_page: 100,
  });
  const ours = comments.filter(
    (comment) => comment.user?.login === env.COMMENT_AUTHOR && comment.body?.split(/\r?\n/, 1)[0] === marker,
  );
  return ours.at(-1);
}

/** Comments the plan on the pull request, in the place of the previous plan of the same spec. */
async function comment({ github, context, env }) {
  const { body, marker } = readPlan(env);
  const number = context.payload.pull_request.number;
  const previous = await findComment({ github, context, env }, number, marker);
  if (previous) {
    await github.rest.issues.updateComment({ ...context.repo, comment_id: previous.id, body });
  } else {
    await github.rest.issues.createComment({ ...context.repo, issue_number: number, body });
  }
}

/** The id of the plan that was commented on the pull request that this commit merges. Throws when there is none. */
async function reviewed({ github, context, env }) {
  const { marker } = readPlan(env);
  const { data: pulls } = await github.rest.repos.listPullRequestsAssociatedWithCommit({
    ...context.repo,
    commit_sha: context.sha,
  });
  const pull = pulls.find((candidate) => candidate.merged_at && candidate.merge_commit_sha === context.sha);
  if (!pull) {
    throw new Error(`no pull request was merged as ${context.sha}, so nobody has reviewed this plan`);
  }
  const found = await findComment({ github, context, env }, pull.number, marker);
  const head = found?.body.replaceAll("\r", "").split("\n<details>", 1)[0] ?? "";
  const id = [...head.matchAll(/^plan id `([0-9a-f]+)`$/gm)].at(-1)?.[1];
  if (!id) {
    throw new Error(`#${pull.number} has no comment with a plan of this spec, so nobody has reviewed it`);
  }
  return id;
}

module.exports = { comment, reviewed };
