/* The boundary between conduitd and a plugin, in pure C.
 *
 * A plugin is a shared object that exports one function, conduit_plugin_entry(). It may be written in C, C++, Rust, Zig
 * or anything else that can make one. No C++ type, exception or allocation crosses this line.
 *
 * Versions. A plugin says which ABI it was built against; the host accepts the same major version and any minor version
 * up to its own. Every struct begins with its own size as its builder knew it: a reader looks at no member beyond it.
 *
 * Text. A conduit_str is a pointer and a length, not ended by a zero byte; data may be NULL if size is 0. JSON is UTF-8
 * text; other text should be, and what is not is replaced by the host where people read it.
 *
 * Ownership. Whoever passes a pointer keeps what it points to, which need only live for the call, unless a comment says
 * otherwise. The receiver copies what it wants to keep.
 *
 * Threads. The functions of conduit_api may be called from any thread for as long as the attempt has not ended.
 * They never block for long and never fail loudly: a call about an attempt that has ended does nothing.
 */
#ifndef CONDUIT_ABI_H
#define CONDUIT_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONDUIT_ABI_MAJOR 1u
#define CONDUIT_ABI_MINOR 4u

#if defined(__GNUC__)
#define CONDUIT_EXPORT __attribute__((visibility("default")))
#else
#define CONDUIT_EXPORT
#endif

typedef struct conduit_str {
  const char* data;
  size_t size;
} conduit_str;

/* One running attempt at a job. Owned by the host. Valid from the call of run or start until complete or fail returns. */
typedef struct conduit_attempt conduit_attempt;

/* What an attempt may know of its job. Owned by the host, unchanging, valid as long as the attempt. */
typedef struct conduit_attempt_info {
  uint32_t size;
  uint32_t attempt;      /* starts so far, from 1, this one included */
  uint32_t max_attempts; /* the attempt after which there are no retries left; 0: no limit */
  uint32_t reserved;
  int64_t deadline_ms;   /* when the attempt times out, Unix milliseconds; 0: never */
  conduit_str job_id;
  conduit_str parent_id; /* empty: submitted by no job */
  conduit_str root_id;   /* the first of the line of parents; the job's own id if it has no parent */
  conduit_str task;
  conduit_str queue;
  conduit_str args;       /* JSON object or array, the producer's bytes */
  conduit_str metadata;   /* JSON object: what was set so far, by earlier attempts too */
  conduit_str checkpoint; /* JSON: the last one of an earlier attempt; empty: none */
  conduit_str executor;   /* "async", "thread" or "process" */
  /* Since minor version 2. W3C Trace Context, as the job was submitted with; empty: none. */
  conduit_str traceparent;
  /* Since minor version 3. JSON array of the ids of the jobs that this one was to run after; empty: none. */
  conduit_str after;
  /* Since minor version 3. Names of the devices the attempt holds while it runs, with commas; empty: none. In a process
   * of its own CUDA_VISIBLE_DEVICES says the same. */
  conduit_str devices;
} conduit_attempt_info;

enum conduit_log_level {
  CONDUIT_LOG_DEBUG = 0,
  CONDUIT_LOG_INFO = 1,
  CONDUIT_LOG_WARNING = 2,
  CONDUIT_LOG_ERROR = 3
};

enum conduit_failure_kind {
  CONDUIT_FAILURE_RETRY = 0,     /* an error; the task's retry policy decides */
  CONDUIT_FAILURE_FAIL = 1,      /* an error that must not be retried */
  CONDUIT_FAILURE_INVALID = 2,   /* the arguments do not fit; not retried */
  CONDUIT_FAILURE_CANCELLED = 3, /* stopped because cancelled() said so */
  CONDUIT_FAILURE_SNOOZE = 4     /* come back after after_ms; costs no retry */
};

typedef struct conduit_failure {
  uint32_t size;
  uint32_t kind;       /* enum conduit_failure_kind */
  int64_t after_ms;    /* retry and snooze: the delay asked for; -1: as the policy says */
  conduit_str type;    /* a short name, such as an exception's class */
  conduit_str message; /* a sentence for people */
  conduit_str detail;  /* JSON object or empty; for INVALID {"path": "/width"} */
} conduit_failure;

enum conduit_call_kind {
  CONDUIT_CALL_SUBMIT = 0,
  /* Since minor version 3: */
  CONDUIT_CALL_WAIT = 1,
  CONDUIT_CALL_RESULTS = 2,
  CONDUIT_CALL_CANCEL = 3,
  CONDUIT_CALL_TRIGGER = 4
};

/* Called exactly once for every call: ok is 1 and payload JSON, or ok is 0 and payload a sentence. A call still unanswered
 * when its attempt ends is answered with ok 0 before complete or fail returns, so that user can always be freed here.
 * On an event loop's thread in the async executor, on the host's own thread elsewhere: return quickly. */
typedef void (*conduit_reply_fn)(void* user, int ok, conduit_str payload);
/* Called at most once, when the attempt is asked to stop; on the same thread as a reply. It may only pass the wish on
 * (set a flag, post to a loop). */
typedef void (*conduit_cancel_fn)(void* user);

/* Since minor version 4. What is inside of a layer (conduit_middleware, scope WORKER): the next layer, or the task. Owned by
 * the host; valid until the layer has ended. */
typedef struct conduit_next conduit_next;

/* Since minor version 4: how that ended. */
typedef struct conduit_inner_end {
  uint32_t size;
  uint32_t reserved;
  conduit_str result;             /* JSON, if it completed */
  const conduit_failure* failure; /* NULL: it completed. Passed on to fail, it is the failure it would be without a layer */
} conduit_inner_end;
/* Called once, when what start_next started has ended, by whatever thread ended it: pass it on to the loop. */
typedef void (*conduit_inner_end_fn)(void* user, const conduit_inner_end* end);

/* What the host offers. Static: valid for the life of the process. */
typedef struct conduit_api {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;

  const conduit_attempt_info* (*info)(conduit_attempt* attempt);
  /* 1 once the attempt has been asked to stop (cancel, timeout, shutdown). */
  int (*cancelled)(conduit_attempt* attempt);
  /* Calls fn when the attempt is asked to stop; at once, on this thread, if it has been. fn NULL takes the last one back:
   * after that call fn is not running, unless it was fn that made it, and will not be called. */
  void (*on_cancel)(conduit_attempt* attempt, conduit_cancel_fn fn, void* user);

  /* fraction: 0 to 1, clamped. message: UTF-8, may be empty. Frequent calls are merged. */
  void (*set_progress)(conduit_attempt* attempt, double fraction, conduit_str message);
  /* value: JSON; "null" removes the key. */
  void (*set_metadata)(conduit_attempt* attempt, conduit_str key, conduit_str value);
  /* value: JSON, kept for the next attempt. */
  void (*checkpoint)(conduit_attempt* attempt, conduit_str value);
  /* fields: JSON object or empty. */
  void (*log)(conduit_attempt* attempt, uint32_t level, conduit_str message, conduit_str fields);

  /* Asks the broker for something. SUBMIT: payload is one job object or an array of them (members as a line of
   * `conduitctl submit --jsonl`); the answer is an array of job ids, in order. parent_id is set by the host.
   *
   * WAIT: payload is {"ids": [...], "until": "all", "any" or "failure", "timeout_ms": n}; without timeout_ms as long as the
   * attempt may run. It is answered when all of these jobs have ended, or any, or all or one otherwise than complete; the
   * answer is {"ended": [{"id", "status"}...], "timed_out": bool}. Meanwhile the attempt takes no slot. Refused: waiting for
   * itself, for a job that it is a descendant of, for one that waits for it, directly or through others, and when too many
   * attempts wait already. An attempt that is asked to stop is answered with ok 0.
   * RESULTS: payload is {"ids": [...]}; the answer is an array of {"id", "status", "result"} or {"id", "status", "failure"},
   * for as many of the first ids as there is room for, one at least; ask again for the rest. The status of a job that does
   * not exist (any more) is "unknown".
   * CANCEL: payload is {"ids": [...]} of jobs that this one has submitted; the answer is null.
   * TRIGGER: payload is {"event": name, "payload": JSON} and perhaps "idempotency_key"; the answer is {"id", "jobs": [ids],
   * "collected", "repeated"}. */
  void (*call)(conduit_attempt* attempt, uint32_t kind, conduit_str payload, conduit_reply_fn fn, void* user);

  /* Ends the attempt; exactly one of these, exactly once. result: JSON. When it has returned no callback of the attempt
   * is running, on any thread but the caller's, or will be called. */
  void (*complete)(conduit_attempt* attempt, conduit_str result);
  void (*fail)(conduit_attempt* attempt, const conduit_failure* failure);

  /* 1 if the calling thread runs one of the host's event loops, where nothing may block. */
  int (*on_event_loop)(void);
  /* Since minor version 1. On a thread that runs one of the host's event loops: what the host's Asio keeps for that
   * thread, a boost::asio::detail::thread_info_base*. NULL elsewhere. A plugin that shares the loop has an Asio of its
   * own, which must find the same. */
  void* (*loop_thread)(void);
  /* Since minor version 2. The calling thread runs code of this attempt from now on; NULL: of none. Returns what was said
   * before, to be said again afterwards. Thus the host can name the attempt that crashes it, or that blocks its event loop.
   * It says so itself around run and start; a coroutine says so each time it goes on. Any value may be passed. */
  conduit_attempt* (*running)(conduit_attempt* attempt);
  /* Since minor version 4, for layers; each may be called again when what it ran has ended, and runs it again. While it runs
   * the attempt is its own: complete and fail end it, and not the attempt. It has an on_cancel of its own; the layer's is put
   * back when it has ended, and called then, if it was to be called meanwhile. What it has called for and is unanswered is
   * refused at its end. When its complete or fail has returned, none of its callbacks is running or will be called. Where it
   * is not the layer's turn nothing is run, and the end is a failure of type "abi".
   *
   * From a layer's run: runs what is inside on this thread and says how it ended; valid until the next call or the end of
   * the layer. */
  const conduit_inner_end* (*run_next)(conduit_attempt* attempt, conduit_next* next);
  /* From a layer's start, or later: starts what is inside on the attempt's event loop. What it says to fn is valid during
   * that call. */
  void (*start_next)(conduit_attempt* attempt, conduit_next* next, conduit_inner_end_fn fn, void* user);
} conduit_api;

enum conduit_task_kind {
  CONDUIT_TASK_BLOCKING = 0, /* run: returns when done; thread and process executors */
  CONDUIT_TASK_ASYNC = 1     /* start: returns at once; and run, for the other two executors */
};

/* A task, as registered. The strings and the struct are copied; user, run and start must live as long as the process. */
typedef struct conduit_task {
  uint32_t size;
  uint32_t kind;          /* enum conduit_task_kind */
  uint32_t wants_context; /* 1 if the function takes the context; found once, here */
  uint32_t reserved;
  conduit_str name;       /* "package.verb": 1 to 100 of A-Z a-z 0-9 _ . - */
  conduit_str options;    /* JSON object or empty: see "Task options" in the SDK's README */
  void* user;
  /* Runs an attempt to its end: complete or fail has been called when it returns. Must not throw. */
  void (*run)(void* user, conduit_attempt* attempt);
  /* Starts an attempt on the event loop; it ends by complete or fail later. io_context: the host's
   * boost::asio::io_context*. NULL for a BLOCKING task. Must not throw. */
  void (*start)(void* user, conduit_attempt* attempt, void* io_context);
} conduit_task;

/* Since minor version 2: hooks. They are told how attempts go and cannot change it. */
enum conduit_hook_event {
  CONDUIT_HOOK_START = 0,   /* an attempt begins; end is NULL */
  CONDUIT_HOOK_SUCCESS = 1, /* it completed */
  CONDUIT_HOOK_RETRY = 2,   /* it failed, and there will be another attempt */
  CONDUIT_HOOK_FAILURE = 3, /* it failed, and with it the job */
  CONDUIT_HOOK_COMPLETE = 4 /* it ended, in whatever way: last, once for every START */
};

enum conduit_end_kind {
  CONDUIT_END_COMPLETE = 0,
  CONDUIT_END_RETRY = 1,
  CONDUIT_END_FAILED = 2,
  CONDUIT_END_CANCELLED = 3,
  CONDUIT_END_SNOOZED = 4, /* the task asked to come back later */
  CONDUIT_END_RETURNED = 5 /* handed back, as by a worker that drains */
};

/* How an attempt ended, as the daemon decided it. */
typedef struct conduit_end {
  uint32_t size;
  uint32_t kind;          /* enum conduit_end_kind */
  int64_t retry_after_ms; /* RETRY and SNOOZED; -1 otherwise */
  int64_t duration_us;    /* of the attempt, hooks not counted */
  conduit_str result;     /* COMPLETE: JSON */
  conduit_str type;       /* of the others, as in conduit_failure; may be empty */
  conduit_str message;
  conduit_str detail;
} conduit_end;

/* Runs in the host of the attempt, on the thread that begins or ends it: in the async executor on its event loop, where
 * nothing may block. Of an attempt that ended with its host the hooks of the end run in another one. All functions of
 * conduit_api but on_cancel, complete and fail may be called about the attempt. What it calls is answered before the
 * attempt ends. Returns 0, or another number after having written a sentence into error
 * (at most error_size bytes, zero-ended), which becomes a warning in the job's log and changes nothing. Must not throw. */
typedef int (*conduit_hook_fn)(void* user, conduit_attempt* attempt, const conduit_end* end, char* error, size_t error_size);

typedef struct conduit_hook {
  uint32_t size;
  uint32_t event;   /* enum conduit_hook_event */
  conduit_str task; /* one of this plugin's tasks; empty: every task of every plugin that the worker runs */
  void* user;
  conduit_hook_fn fn;
} conduit_hook;

/* Since minor version 4. */
enum conduit_middleware_scope {
  CONDUIT_SCOPE_PLUGIN = 0, /* around tasks of its own plugin, which sees to it: the host is told of it, and calls nothing */
  CONDUIT_SCOPE_WORKER = 1  /* the host puts it around every task that the worker runs, of every plugin */
};

/* Since minor version 2: a layer around tasks. Of those of the worker the highest priority is outermost, and of equal ones
 * the one registered first; all of them are outside of what plugins put around their own tasks. */
typedef struct conduit_middleware {
  uint32_t size;
  int32_t priority; /* higher is further out */
  uint32_t kinds;   /* bit 1 << CONDUIT_TASK_BLOCKING, 1 << CONDUIT_TASK_ASYNC: the tasks it can go around; of scope WORKER
                     * the two functions say it */
  uint32_t scope;   /* enum conduit_middleware_scope; always PLUGIN before minor version 4 */
  conduit_str name; /* 1 to 100 of A-Z a-z 0-9 _ . - */
  conduit_str task; /* empty: all of the plugin's; for scope WORKER always empty */
  /* Since minor version 4, for scope WORKER: a layer is to the host what a task is, and ends by complete or fail. user and
   * the functions must live as long as the process. A task runs without a layer that has no function for its executor. */
  void* user;
  /* In the thread and process executors, as conduit_task.run; or NULL. */
  void (*run)(void* user, conduit_attempt* attempt, conduit_next* next);
  /* In the async executor, as conduit_task.start; or NULL. */
  void (*start)(void* user, conduit_attempt* attempt, void* io_context, conduit_next* next);
} conduit_middleware;

/* Returns 0, or another number after having written a sentence into error (at most error_size bytes, zero-ended). */
typedef int (*conduit_host_fn)(void* user, char* error, size_t error_size);

/* Where a plugin registers; valid during load only. Each function returns 0, or -1 after noting a fault that makes the
 * plugin be refused with that sentence (bad name, name taken, missing function). */
typedef struct conduit_registry {
  uint32_t size;
  uint32_t reserved;
  void* self;
  int (*add_task)(void* self, const conduit_task* task);
  /* fn runs once in every host, after the fork and before its first job: start threads, load models here. */
  int (*on_host_start)(void* self, conduit_host_fn fn, void* user);
  /* fn runs when a host ends in good order. */
  int (*on_host_stop)(void* self, conduit_host_fn fn, void* user);
  /* Notes a fault of the plugin's own. */
  void (*fault)(void* self, conduit_str message);
  /* Since minor version 2. Hooks run in the order of registration; those of the task before those of the worker. user
   * and fn must live as long as the process. */
  int (*add_hook)(void* self, const conduit_hook* hook);
  int (*add_middleware)(void* self, const conduit_middleware* middleware);
} conduit_registry;

/* What conduit_plugin_entry returns: static data, valid for the life of the process. */
typedef struct conduit_plugin {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  conduit_str name;
  conduit_str version;
  conduit_str sdk_version; /* of the headers it was built with */
  conduit_str compiler;    /* "g++ 12.2"; checked only if uses_asio */
  conduit_str boost;       /* "1.81.0"; checked only if uses_asio */
  uint32_t uses_asio;      /* 1 if a task is ASYNC or a layer has a start: it then shares the host's io_context */
  uint32_t reserved2;
  /* Registers the tasks. Returns 0, or another number after registry->fault. Must not throw, nor start threads. */
  int (*load)(const conduit_api* api, const conduit_registry* registry);
} conduit_plugin;

/* The one exported symbol. Does nothing but return the description. */
typedef const conduit_plugin* (*conduit_plugin_entry_fn)(void);
CONDUIT_EXPORT const conduit_plugin* conduit_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
