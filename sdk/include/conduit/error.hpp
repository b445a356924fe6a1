#pragma once
// How a task says that it did not succeed. Any other exception means: failed, retry as the task's
// policy says.
//
//   throw conduit::Retry{10s, "the service is busy"};   // try again, after this long instead of
//   the policy's delay throw conduit::Fail{"no such account"};             // failed for good: a
//   retry would not help throw conduit::InvalidArguments{"..."};             // the arguments are
//   wrong: not retried, and shown as such throw conduit::Snooze{5min};                        //
//   not now: come back later, at the cost of no retry throw conduit::Cancelled{}; // stopped
//   because context.cancelled() said so
//
// What is thrown ends at the edge of the plugin, where it becomes plain data: no exception reaches
// the host.

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace conduit {

namespace detail {
/// An exception with a sentence of its own. It is no std::runtime_error, so that a task's handler
/// for those does not swallow it by accident.
class Signal : public std::exception {
 public:
  explicit Signal(std::string message) : message_(std::move(message)) {}
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};
}  // namespace detail

/// Failed, and worth another try. Uses up a retry; with none left the job has failed.
class Retry : public detail::Signal {
 public:
  explicit Retry(std::string message = "the task asked for a retry") : Signal(std::move(message)) {}
  explicit Retry(std::chrono::milliseconds after,
                 std::string message = "the task asked for a retry")
      : Signal(std::move(message)), after_(after) {}
  /// The delay asked for; nothing: as the task's backoff says.
  [[nodiscard]] std::optional<std::chrono::milliseconds> after() const noexcept { return after_; }

 private:
  std::optional<std::chrono::milliseconds> after_;
};

/// Failed for good.
class Fail : public detail::Signal {
 public:
  explicit Fail(std::string message) : Signal(std::move(message)) {}
};

/// The arguments do not fit. The SDK throws it for what it can see; a task may, for what only it
/// can see.
class InvalidArguments : public detail::Signal {
 public:
  /// `path` is a JSON pointer into the arguments, such as "/width"; empty for all of them.
  explicit InvalidArguments(std::string message, std::string path = "")
      : Signal(std::move(message)), path_(std::move(path)) {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Not now. The job runs again after this long, as if this attempt had not been made.
class Snooze : public detail::Signal {
 public:
  explicit Snooze(std::chrono::milliseconds after, std::string message = "the task will come back")
      : Signal(std::move(message)), after_(after) {}
  [[nodiscard]] std::chrono::milliseconds after() const noexcept { return after_; }

 private:
  std::chrono::milliseconds after_;
};

/// Stopped, as asked. Throw it where a task notices context.cancelled(), or call
/// context.throw_if_cancelled().
class Cancelled : public detail::Signal {
 public:
  explicit Cancelled(std::string message = "cancelled") : Signal(std::move(message)) {}
};

/// Comes out of next() in a layer of the worker: how the task inside failed, of whatever plugin and
/// language, so that no exception of its own is left of it. Let through, or thrown again, it is the
/// failure that it was: kind, type, message, detail and delay.
class TaskError : public detail::Signal {
 public:
  enum class Kind : std::uint8_t {
    retry,      ///< an error; the task's policy decides
    fail,       ///< failed for good, as by Fail
    invalid,    ///< the arguments do not fit, as by InvalidArguments
    cancelled,  ///< stopped, as asked
    snooze      ///< not now, as by Snooze
  };
  TaskError(Kind kind, std::string type, std::string message, std::string detail = {},
            std::optional<std::chrono::milliseconds> after = {})
      : Signal(std::move(message)),
        kind_(kind),
        type_(std::move(type)),
        detail_(std::move(detail)),
        after_(after) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  /// "std::runtime_error", "conduit::Fail", or whatever the task calls it.
  [[nodiscard]] const std::string& type() const noexcept { return type_; }
  /// A JSON object as text, such as {"path":"/width"} of invalid arguments; or empty.
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  /// Of retry and snooze: the delay asked for.
  [[nodiscard]] std::optional<std::chrono::milliseconds> after() const noexcept { return after_; }

 private:
  Kind kind_;
  std::string type_;
  std::string detail_;
  std::optional<std::chrono::milliseconds> after_;
};

}  // namespace conduit
