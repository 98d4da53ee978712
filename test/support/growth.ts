// How much memory something takes while it runs. Everything in a test is one process: clients and origins count too.

/** The largest growth of resident memory in bytes, looked at every 20 ms. */
export const growth = async (run: () => Promise<void>): Promise<number> => {
  const before = process.memoryUsage().rss
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before)
  }, 20)
  try {
    await run()
  } finally {
    clearInterval(timer)
  }
  return most
}
