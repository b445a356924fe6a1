#include "broker/redis/resp.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <array>
#include <charconv>

#include "base/text.h"

namespace conduitd::broker::redis {
namespace {

constexpr int kMostElements = 1'000'000;
constexpr std::size_t kMostUnparsed = std::size_t{64} * 1024 * 1024;

// hiredis allocates an array as large as the peer says before a single element is there: bound it.
using MakeArray = void* (*)(const redisReadTask*, int);
MakeArray plain_make_array = nullptr;

void* make_bounded_array(const redisReadTask* task, int elements) {
  return elements > kMostElements ? nullptr : plain_make_array(task, elements);
}

redisReplyObjectFunctions* bounded_functions(const redisReader* reader) {
  static redisReplyObjectFunctions functions = [reader] {
    redisReplyObjectFunctions copy = *reader->fn;
    plain_make_array = copy.createArray;
    copy.createArray = make_bounded_array;
    return copy;
  }();
  return &functions;
}

struct Meaning {
  std::string_view prefix;
  Errc errc;
  std::string_view advice;
};

constexpr std::array kMeanings{
    Meaning{"LOADING", Errc::unavailable, "the server has started and reads its data"},
    Meaning{"BUSY ", Errc::unavailable, "a script of somebody's occupies the server"},
    Meaning{"MISCONF", Errc::unavailable, "the server cannot save its data, so it takes no writes"},
    Meaning{"READONLY", Errc::unavailable, "the server is a replica now"},
    Meaning{"MASTERDOWN", Errc::unavailable, "the server is a replica now"},
    Meaning{"NOREPLICAS", Errc::unavailable, "min-replicas-to-write is set and so many replicas are not there"},
    Meaning{"UNBLOCKED", Errc::unavailable, "the server's role or its data changed"},
    Meaning{"NOGROUP", Errc::unavailable, ""},
    Meaning{"NOSCRIPT", Errc::unavailable, ""},
    Meaning{"CLUSTERDOWN", Errc::unavailable, "the cluster does not serve all slots now"},
    Meaning{"TRYAGAIN", Errc::unavailable, "a slot is being moved"},
    Meaning{"MOVED", Errc::unavailable, "another node of the cluster has this slot"},
    Meaning{"ERR max number of clients", Errc::unavailable, ""},
    Meaning{"OOM", Errc::full, "the server has reached maxmemory"},
    Meaning{"NOPERM", Errc::refused, "the ACL of this user does not allow it"},
    Meaning{"NOAUTH", Errc::refused, "the server wants a password"},
    Meaning{"WRONGPASS", Errc::refused, "user or password is wrong"},
    Meaning{"ERR AUTH", Errc::refused, "the server has no such user or wants no password"},
    Meaning{"ERR DB index is out of range", Errc::invalid_argument, "the server has fewer databases"},
    Meaning{"WRONGTYPE", Errc::corrupt, "a key of the namespace holds something else"},
};

}  // namespace

bool ReplyView::is_nil() const { return reply_ == nullptr || reply_->type == REDIS_REPLY_NIL; }
bool ReplyView::is_array() const { return reply_ != nullptr && reply_->type == REDIS_REPLY_ARRAY; }
bool ReplyView::is_error() const { return reply_ != nullptr && reply_->type == REDIS_REPLY_ERROR; }

std::string_view ReplyView::text() const {
  if (reply_ == nullptr) return {};
  const bool has_text = reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS ||
                        reply_->type == REDIS_REPLY_ERROR;
  return has_text ? std::string_view(reply_->str, reply_->len) : std::string_view();
}

std::optional<std::int64_t> ReplyView::integer() const {
  if (reply_ == nullptr) return std::nullopt;
  if (reply_->type == REDIS_REPLY_INTEGER) return reply_->integer;
  const auto digits = text();
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::size_t ReplyView::size() const { return is_array() ? reply_->elements : 0; }

ReplyView ReplyView::operator[](std::size_t i) const {
  return ReplyView(i < size() ? reply_->element[i] : nullptr);
}

ReplyView ReplyView::at(std::string_view key) const {
  for (std::size_t i = 0; i + 1 < size(); i += 2) {
    if ((*this)[i].text() == key) return (*this)[i + 1];
  }
  return ReplyView(nullptr);
}

void Reply::Free::operator()(redisReply* reply) const { freeReplyObject(reply); }

Pipeline& Pipeline::add(std::initializer_list<std::string_view> words) { return add(words.begin(), words.size()); }
Pipeline& Pipeline::add(const std::vector<std::string_view>& words) { return add(words.data(), words.size()); }

Pipeline& Pipeline::append(std::string_view encoded) {
  bytes_ += encoded;
  ++count_;
  return *this;
}

Pipeline& Pipeline::add(const std::string_view* words, std::size_t count) {
  // "*3\r\n" and for each word "$5\r\nhello\r\n": redis.io, "Redis serialization protocol". Written in place: a call names hundreds of words.
  constexpr std::size_t kMostDigits = 20;
  const auto put_length = [this](char mark, std::size_t length) {
    std::array<char, kMostDigits> digits;
    bytes_ += mark;
    bytes_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr);
    bytes_ += "\r\n";
  };
  put_length('*', count);
  for (std::size_t i = 0; i < count; ++i) {
    put_length('$', words[i].size());
    bytes_ += words[i];
    bytes_ += "\r\n";
  }
  if (count_++ == 0) name_ = words[0];
  return *this;
}

void Reader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

Reader::Reader() : reader_(redisReaderCreate()) { reader_->fn = bounded_functions(reader_.get()); }
Reader::~Reader() = default;

Result<> Reader::feed(std::string_view bytes) {
  if (reader_->len - reader_->pos + bytes.size() > kMostUnparsed) {
    return Error(Errc::protocol, "a reply is larger than 64 MiB");
  }
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return Error(Errc::protocol, fmt::format("the reply makes no sense: {}", escape_control(reader_->errstr)));
  }
  return ok();
}

Result<std::optional<Reply>> Reader::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return Error(Errc::protocol, fmt::format("the reply makes no sense: {}", escape_control(reader_->errstr)));
  }
  if (reply == nullptr) return std::optional<Reply>();
  return std::optional<Reply>(Reply(static_cast<redisReply*>(reply)));
}

bool tells_of_another_role(std::string_view reply) {
  return reply.starts_with("READONLY") || reply.starts_with("MASTERDOWN") || reply.starts_with("UNBLOCKED force unblock");
}

Error to_error(std::string_view reply, std::string_view doing, std::string_view server) {
  const auto said = escape_control(truncate(reply, 400));
  for (const auto& meaning : kMeanings) {
    if (!reply.starts_with(meaning.prefix)) continue;
    const auto text = meaning.advice.empty() ? said : fmt::format("{} ({})", meaning.advice, said);
    return {meaning.errc, fmt::format("{}: {}: {}", server, doing, text)};
  }
  return {Errc::protocol, fmt::format("{}: {}: {}", server, doing, said)};
}

}  // namespace conduitd::broker::redis
