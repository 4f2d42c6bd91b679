// A constant load: so many requests a second, however long the answers take, and what came of them.

/** `request` gives an answer with a status; `accept` says which answers are none to complain of. */
export function constantLoad({ perSecond, request, accept = ({ status }) => status === 200 }) {
  const load = { sent: 0, statuses: {}, failures: [], milliseconds: [] };
  const under = new Set();
  const began = performance.now();
  const one = async () => {
    const started = performance.now();
    try {
      const answer = await request(load.sent);
      load.statuses[answer.status] = (load.statuses[answer.status] ?? 0) + 1;
      if (!accept(answer)) load.failures.push({ status: answer.status, text: answer.text?.slice(0, 300) });
    } catch (error) {
      load.failures.push({ error: `${error.code ?? ""} ${error.message}`, afterMs: Math.round(started - began) });
    }
    load.milliseconds.push(performance.now() - started);
  };
  const timer = setInterval(() => {
    // As many as are due by now: a late timer makes up for what it missed.
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
    while (load.sent < due) {
      load.sent += 1;
      const asked = one().finally(() => under.delete(asked));
      under.add(asked);
    }
  }, 5);
  return Object.assign(load, {
    /** Sends no more and waits for every answer. */
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      return { sent: load.sent, statuses: load.statuses, failures: load.failures, p50: percentile(load.milliseconds, 0.5), p99: percentile(load.milliseconds, 0.99) };
    },
  });
}

export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
}
