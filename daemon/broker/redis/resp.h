#pragma once
// Commands out, replies in: the only files that know hiredis. No I/O.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct redisReply;
struct redisReader;
struct redisReplyObjectFunctions;

namespace conduitd::broker::redis {

/// One reply, or a part of one: a view that lives as long as the Reply it came from.
class ReplyView {
 public:
  explicit ReplyView(const redisReply* reply) : reply_(reply) {}

  [[nodiscard]] bool is_nil() const;
  [[nodiscard]] bool is_array() const;
  [[nodiscard]] bool is_error() const;
  /// Text of a string, status or error; empty for anything else.
  [[nodiscard]] std::string_view text() const;
  /// The integer, also of a string that is one.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::int64_t integer_or(std::int64_t fallback) const { return integer().value_or(fallback); }
  /// Elements of an array; 0 for anything else.
  [[nodiscard]] std::size_t size() const;
  /// Element `i`; nil beyond the end, so that a reply of another shape than expected reads as absence.
  [[nodiscard]] ReplyView operator[](std::size_t i) const;
  /// In a flat list of keys and values: the value after `key`, or nil.
  [[nodiscard]] ReplyView at(std::string_view key) const;

 private:
  const redisReply* reply_;
};

/// An owned reply.
class Reply {
 public:
  explicit Reply(redisReply* reply) : owned_(reply) {}
  [[nodiscard]] ReplyView view() const { return ReplyView(owned_.get()); }
  [[nodiscard]] ReplyView operator[](std::size_t i) const { return view()[i]; }

 private:
  struct Free {
    void operator()(redisReply* reply) const;
  };
  std::unique_ptr<redisReply, Free> owned_;
};

/// Commands to be sent in one write, in order.
class Pipeline {
 public:
  Pipeline& add(std::initializer_list<std::string_view> words);
  Pipeline& add(const std::vector<std::string_view>& words);
  /// One command that is encoded already.
  Pipeline& append(std::string_view encoded);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// The first command's name, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string& bytes() { return bytes_; }

 private:
  Pipeline& add(const std::string_view* words, std::size_t count);

  std::string bytes_;
  std::string name_;
  std::size_t count_ = 0;
};

/// Cuts a byte stream into replies. Bounds: depth 7, 1 M elements an array, 64 MiB not yet parsed.
class Reader {
 public:
  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Takes in what has arrived. Errc::protocol when the peer does not speak RESP: the connection is of no more use.
  Result<> feed(std::string_view bytes);
  /// The next whole reply, if there is one.
  Result<std::optional<Reply>> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<redisReader, Free> reader_;
};

/// A server that was the primary has become a replica, or is about to: the primary is elsewhere now.
[[nodiscard]] bool tells_of_another_role(std::string_view reply);

/// What an error reply means to us. `doing` names the command, `server` the server.
[[nodiscard]] Error to_error(std::string_view reply, std::string_view doing, std::string_view server);

}  // namespace conduitd::broker::redis
