/* Does on demand what a task should not, and a few things it should. Arguments are one JSON object with numbers.
 *
 *   noop                       result null
 *   echo                       the arguments are the result; does not ask for the context
 *   info                       the result has every member of conduit_attempt_info
 *   sleep {"ms"}               says with a progress that it began, and sleeps; ends as cancelled when asked to stop
 *   progress {"count"}         that many set_progress, one log line, metadata "count", then the result is count
 *   flood {"count"}            that many set_progress and log lines, as fast as they go
 *   checkpoint                 first attempt: checkpoint {"n":1}, metadata "seen", then fails (retry); after that the result
 *                              is the checkpoint it found
 *   fail {"kind","after_ms"}   fails so; message "asked to fail", type "misbehave", detail {"path":"/kind"}
 *   crash {"only"}             SIGSEGV, in that attempt alone if it is said       abort      SIGABRT
 *   exit {"code"}              exit(code)          hang       an endless loop that listens to nothing
 *   deaf {"ms"}                the same, but ignores SIGTERM and being asked to stop
 *   silent                     returns without complete or fail
 *   twice                      complete(1), complete(2), then set_progress
 *   large {"bytes"}            a result of so many bytes
 *   broken_json                a result that is no JSON
 *   print {"lines"}            so many lines to standard output, and one to standard error
 *   garbage                    writes garbage to every descriptor above 2
 *   raw {"hex"}                writes these bytes to the descriptor of the channel, one at a time
 *   close_all                  closes every descriptor above 2, then hangs
 *   orphan                     forks a child that leaves the process group and stays; the result is its pid
 *   submit                     calls submit with its own arguments and waits: the result is the answer
 *   eat {"mib"}                allocates and touches so much memory
 *   burn {"ms"}                uses so much CPU time
 *   async_later {"ms"}         (async) completes from a thread of its own after ms
 *   async_submit               (async) as submit
 *   async_never                (async) never ends
 *   async_block {"ms"}         (async) blocks the event loop
 */
#define _GNU_SOURCE
#include <conduit/abi.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STR(text) {text, sizeof(text) - 1}

static const conduit_api* api;

static conduit_str str(const char* text) {
  conduit_str out;
  out.data = text;
  out.size = strlen(text);
  return out;
}

/* The number after "key": in the attempt's arguments. */
static long number(conduit_attempt* attempt, const char* key, long fallback) {
  const conduit_str args = api->info(attempt)->args;
  char pattern[64];
  char text[1024];
  const char* at;
  const size_t size = args.size < sizeof text - 1 ? args.size : sizeof text - 1;
  memcpy(text, args.data, size);
  text[size] = 0;
  snprintf(pattern, sizeof pattern, "\"%s\":", key);
  at = strstr(text, pattern);
  return at == NULL ? fallback : strtol(at + strlen(pattern), NULL, 10);
}

static void complete_number(conduit_attempt* attempt, long value) {
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  api->complete(attempt, str(text));
}

static void fail(conduit_attempt* attempt, uint32_t kind, const char* message, long after_ms) {
  conduit_failure failure;
  memset(&failure, 0, sizeof failure);
  failure.size = sizeof failure;
  failure.kind = kind;
  failure.after_ms = after_ms;
  failure.type = str("misbehave");
  failure.message = str(message);
  failure.detail = str("{\"path\":\"/kind\"}");
  api->fail(attempt, &failure);
}

static void pause_ms(long ms) {
  struct timespec time;
  time.tv_sec = ms / 1000;
  time.tv_nsec = ms % 1000 * 1000000;
  /* allow sleep: to sleep is what the task is asked to do */
  while (nanosleep(&time, &time) != 0) continue;
}

static void run_noop(void* user, conduit_attempt* attempt) {
  (void)user;
  api->complete(attempt, str("null"));
}

static void run_echo(void* user, conduit_attempt* attempt) {
  (void)user;
  api->complete(attempt, api->info(attempt)->args);
}

static void run_info(void* user, conduit_attempt* attempt) {
  const conduit_attempt_info* info = api->info(attempt);
  char text[4096];
  (void)user;
  snprintf(text, sizeof text,
           "{\"attempt\":%u,\"max_attempts\":%u,\"deadline_ms\":%lld,\"job_id\":\"%.*s\",\"parent_id\":\"%.*s\","
           "\"root_id\":\"%.*s\",\"task\":\"%.*s\",\"queue\":\"%.*s\",\"metadata\":%.*s,\"executor\":\"%.*s\","
           "\"on_event_loop\":%d}",
           info->attempt, info->max_attempts, (long long)info->deadline_ms, (int)info->job_id.size, info->job_id.data,
           (int)info->parent_id.size, info->parent_id.data, (int)info->root_id.size, info->root_id.data,
           (int)info->task.size, info->task.data, (int)info->queue.size, info->queue.data, (int)info->metadata.size,
           info->metadata.data, (int)info->executor.size, info->executor.data, api->on_event_loop());
  api->complete(attempt, str(text));
}

static void run_sleep(void* user, conduit_attempt* attempt) {
  long left = number(attempt, "ms", 1000);
  (void)user;
  api->set_progress(attempt, 0, str("began"));
  for (; left > 0 && !api->cancelled(attempt); left -= 2) pause_ms(left < 2 ? left : 2);
  if (left > 0) {
    fail(attempt, CONDUIT_FAILURE_CANCELLED, "stopped as asked", -1);
  } else {
    api->complete(attempt, str("\"slept\""));
  }
}

static void run_progress(void* user, conduit_attempt* attempt) {
  const long count = number(attempt, "count", 10);
  char text[32];
  long i;
  (void)user;
  for (i = 1; i <= count; ++i) {
    snprintf(text, sizeof text, "step %ld", i);
    api->set_progress(attempt, (double)i / (double)count, str(text));
  }
  api->log(attempt, CONDUIT_LOG_INFO, str("counted"), str("{\"by\":1}"));
  snprintf(text, sizeof text, "%ld", count);
  api->set_metadata(attempt, str("count"), str(text));
  complete_number(attempt, count);
}

static void run_flood(void* user, conduit_attempt* attempt) {
  const long count = number(attempt, "count", 100000);
  long i;
  (void)user;
  for (i = 0; i < count; ++i) {
    api->set_progress(attempt, (double)(i + 1) / (double)count, str("flood"));
    api->log(attempt, CONDUIT_LOG_DEBUG, str("flood"), str(""));
  }
  complete_number(attempt, count);
}

static void run_checkpoint(void* user, conduit_attempt* attempt) {
  const conduit_attempt_info* info = api->info(attempt);
  (void)user;
  if (info->checkpoint.size > 0) {
    api->complete(attempt, info->checkpoint);
    return;
  }
  api->checkpoint(attempt, str("{\"n\":1}"));
  api->set_metadata(attempt, str("seen"), str("true"));
  fail(attempt, CONDUIT_FAILURE_RETRY, "the first attempt fails", 0);
}

static void run_fail(void* user, conduit_attempt* attempt) {
  (void)user;
  fail(attempt, (uint32_t)number(attempt, "kind", 0), "asked to fail", number(attempt, "after_ms", -1));
}

/* A sanitizer would report it and exit; here it is to crash. */
__attribute__((no_sanitize("undefined"))) static void run_crash(void* user, conduit_attempt* attempt) {
  volatile int* const nowhere = (volatile int*)user;
  const long only = number(attempt, "only", 0);
  if (only == 0 || only == (long)api->info(attempt)->attempt) *nowhere = 1;
  api->complete(attempt, str("\"sound\""));
}

#if defined(__x86_64__) || defined(__aarch64__)
/* Crashes at its first instruction, right behind another function: whoever takes a byte off the address names that one. */
void run_trap(void* user, conduit_attempt* attempt);
__asm__(
    ".text\n"
    ".type misbehave_neighbour, %function\n"
    "misbehave_neighbour:\n"
    ".byte 0x90, 0x90, 0x90, 0x90\n"
    ".size misbehave_neighbour, 4\n"
    ".type run_trap, %function\n"
    "run_trap:\n"
#if defined(__x86_64__)
    "ud2\n"
#else
    "udf #0\n"
#endif
    ".size run_trap, .-run_trap\n");
#else
static void run_trap(void* user, conduit_attempt* attempt) {
  (void)user;
  (void)attempt;
  __builtin_trap();
}
#endif

static void run_abort(void* user, conduit_attempt* attempt) {
  (void)user;
  (void)attempt;
  abort();
}

static void run_exit(void* user, conduit_attempt* attempt) {
  (void)user;
  exit((int)number(attempt, "code", 0));
}

static void run_hang(void* user, conduit_attempt* attempt) {
  volatile unsigned long turns = 0;
  (void)user;
  (void)attempt;
  while (1) ++turns;
}

static void run_deaf(void* user, conduit_attempt* attempt) {
  (void)user;
  signal(SIGTERM, SIG_IGN);
  api->set_progress(attempt, 0, str("began"));
  pause_ms(number(attempt, "ms", 60000));
  api->complete(attempt, str("\"heard nothing\""));
}

static void run_silent(void* user, conduit_attempt* attempt) {
  (void)user;
  (void)attempt;
}

static void run_twice(void* user, conduit_attempt* attempt) {
  (void)user;
  api->complete(attempt, str("1"));
  api->complete(attempt, str("2"));
  api->set_progress(attempt, 1, str("after the end"));
}

static void run_large(void* user, conduit_attempt* attempt) {
  const size_t size = (size_t)number(attempt, "bytes", 2 << 20);
  conduit_str result;
  char* text = malloc(size);
  (void)user;
  memset(text, 'x', size);
  text[0] = text[size - 1] = '"';
  result.data = text;
  result.size = size;
  api->complete(attempt, result);
  free(text);
}

static void run_broken_json(void* user, conduit_attempt* attempt) {
  (void)user;
  api->complete(attempt, str("{\"open\":"));
}

static void run_print(void* user, conduit_attempt* attempt) {
  const long lines = number(attempt, "lines", 3);
  long i;
  (void)user;
  for (i = 0; i < lines; ++i) printf("line %ld of %ld\n", i + 1, lines);
  fprintf(stderr, "to standard error\n");
  api->complete(attempt, str("null"));
}

static void run_garbage(void* user, conduit_attempt* attempt) {
  int fd;
  (void)user;
  for (fd = 3; fd < 64; ++fd) {
    if (write(fd, "this is not a frame, is it?", 27) < 0) continue;
  }
  api->complete(attempt, str("null"));
}

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10; }

static void run_raw(void* user, conduit_attempt* attempt) {
  const conduit_str args = api->info(attempt)->args;
  const char* const begin = memchr(args.data, ':', args.size);
  const char* at = begin == NULL ? NULL : strchr(begin, '"');
  (void)user;
  for (; at != NULL && at[1] != '"' && at[1] != 0; at += 2) {
    const char byte = (char)(digit(at[1]) * 16 + digit(at[2]));
    while (write(3, &byte, 1) < 0 && errno == EAGAIN) continue;
  }
  complete_number(attempt, 0);
}

static void run_close_all(void* user, conduit_attempt* attempt) {
  int fd;
  for (fd = 3; fd < 1024; ++fd) close(fd);
  run_hang(user, attempt);
}

static void run_orphan(void* user, conduit_attempt* attempt) {
  const pid_t child = fork();
  (void)user;
  if (child == 0) {
    setsid();
    pause_ms(600000);
    _exit(0);
  }
  complete_number(attempt, child);
}

static void run_eat(void* user, conduit_attempt* attempt) {
  const size_t size = (size_t)number(attempt, "mib", 64) << 20;
  char* memory = malloc(size);
  (void)user;
  if (memory == NULL) {
    fail(attempt, CONDUIT_FAILURE_RETRY, "out of memory", -1);
    return;
  }
  memset(memory, 1, size);
  complete_number(attempt, memory[size / 2]);
  free(memory);
}

static void run_burn(void* user, conduit_attempt* attempt) {
  const long ms = number(attempt, "ms", 50);
  struct rusage before, now;
  long used = 0;
  (void)user;
  getrusage(RUSAGE_SELF, &before);
  while (used < ms) {
    getrusage(RUSAGE_SELF, &now);
    used = (now.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 + (now.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000 +
           (now.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 + (now.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1000;
  }
  complete_number(attempt, used);
}

/* A submit, waited for on a condition variable. */
struct wait {
  pthread_mutex_t mutex;
  pthread_cond_t answered;
  int done;
  char text[1024];
};

static void take_answer(void* user, int ok, conduit_str payload) {
  struct wait* const wait = user;
  pthread_mutex_lock(&wait->mutex);
  snprintf(wait->text, sizeof wait->text, ok ? "%.*s" : "\"refused: %.*s\"", (int)payload.size, payload.data);
  wait->done = 1;
  pthread_cond_signal(&wait->answered);
  pthread_mutex_unlock(&wait->mutex);
}

static void run_submit(void* user, conduit_attempt* attempt) {
  struct wait wait;
  (void)user;
  memset(&wait, 0, sizeof wait);
  pthread_mutex_init(&wait.mutex, NULL);
  pthread_cond_init(&wait.answered, NULL);
  api->call(attempt, CONDUIT_CALL_SUBMIT, api->info(attempt)->args, take_answer, &wait);
  pthread_mutex_lock(&wait.mutex);
  while (!wait.done) pthread_cond_wait(&wait.answered, &wait.mutex);
  pthread_mutex_unlock(&wait.mutex);
  pthread_cond_destroy(&wait.answered);
  pthread_mutex_destroy(&wait.mutex);
  api->complete(attempt, str(wait.text));
}

struct later {
  conduit_attempt* attempt;
  long ms;
};

static void* complete_later(void* user) {
  struct later later = *(struct later*)user;
  free(user);
  pause_ms(later.ms);
  api->set_progress(later.attempt, 0.5, str("later"));
  api->complete(later.attempt, str("\"later\""));
  return NULL;
}

static void start_later(void* user, conduit_attempt* attempt, void* io_context) {
  struct later* const later = malloc(sizeof *later);
  pthread_t thread;
  (void)user;
  (void)io_context;
  later->attempt = attempt;
  later->ms = number(attempt, "ms", 10);
  pthread_create(&thread, NULL, complete_later, later);
  pthread_detach(thread);
}

static void complete_with_answer(void* user, int ok, conduit_str payload) {
  conduit_attempt* const attempt = user;
  if (ok) {
    api->complete(attempt, payload);
  } else {
    fail(attempt, CONDUIT_FAILURE_RETRY, "refused", -1);
  }
}

static void start_submit(void* user, conduit_attempt* attempt, void* io_context) {
  (void)user;
  (void)io_context;
  api->call(attempt, CONDUIT_CALL_SUBMIT, api->info(attempt)->args, complete_with_answer, attempt);
}

static void start_never(void* user, conduit_attempt* attempt, void* io_context) {
  (void)user;
  (void)attempt;
  (void)io_context;
}

static void start_block(void* user, conduit_attempt* attempt, void* io_context) {
  (void)io_context;
  run_deaf(user, attempt);
}

static void start_info(void* user, conduit_attempt* attempt, void* io_context) {
  (void)io_context;
  run_info(user, attempt);
}

static void start_progress(void* user, conduit_attempt* attempt, void* io_context) {
  (void)io_context;
  run_progress(user, attempt);
}

static void start_crash(void* user, conduit_attempt* attempt, void* io_context) {
  (void)io_context;
  run_crash(user, attempt);
}

#define BLOCKING(name) \
  { sizeof(conduit_task), CONDUIT_TASK_BLOCKING, 1, 0, STR("misbehave." #name), {0, 0}, 0, run_##name, 0 }
#define ASYNC(name, run, start) \
  { sizeof(conduit_task), CONDUIT_TASK_ASYNC, 1, 0, STR("misbehave." #name), {0, 0}, 0, run, start }

static int load(const conduit_api* host, const conduit_registry* registry) {
  static const conduit_task tasks[] = {
      BLOCKING(noop), BLOCKING(info), BLOCKING(sleep), BLOCKING(progress), BLOCKING(flood), BLOCKING(checkpoint),
      BLOCKING(fail), BLOCKING(crash), BLOCKING(abort), BLOCKING(trap), BLOCKING(exit), BLOCKING(hang), BLOCKING(deaf), BLOCKING(silent),
      BLOCKING(twice), BLOCKING(large), BLOCKING(broken_json), BLOCKING(print), BLOCKING(garbage), BLOCKING(raw), BLOCKING(close_all),
      BLOCKING(orphan), BLOCKING(submit), BLOCKING(eat), BLOCKING(burn),
      ASYNC(async_later, run_sleep, start_later), ASYNC(async_submit, run_submit, start_submit),
      ASYNC(async_never, run_hang, start_never), ASYNC(async_block, run_deaf, start_block),
      ASYNC(async_info, run_info, start_info), ASYNC(async_progress, run_progress, start_progress),
      ASYNC(async_crash, run_crash, start_crash),
      {sizeof(conduit_task), CONDUIT_TASK_BLOCKING, 0, 0, STR("misbehave.echo"),
       STR("{\"executor\":\"process\",\"retries\":2,\"timeout\":\"30s\"}"), 0, run_echo, 0},
  };
  size_t i;
  api = host;
  for (i = 0; i < sizeof tasks / sizeof tasks[0]; ++i) {
    if (registry->add_task(registry->self, &tasks[i]) != 0) return 1;
  }
  return 0;
}

const conduit_plugin* conduit_plugin_entry(void) {
  static const conduit_plugin plugin = {
      sizeof(conduit_plugin), CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR, 0,    STR("misbehave"), STR("1.0.0"), STR("1.0.0"),
      STR("cc"),              {0, 0},            0,                 0,    load};
  return &plugin;
}
