// The plugin `web`: fetches over HTTP and HTTPS, as coroutines on the host's event loop: thousands at a time.
#include <conduit/async.hpp>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>

#include "exchange.h"

namespace asio = boost::asio;

namespace web {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostBody = 256 * 1024;  // of what goes into the result, which is kept with the job

struct FetchArgs {
  std::string url;
  std::uint64_t max_bytes = 10 * 1024 * 1024;
  std::chrono::milliseconds timeout = 30s;  ///< of all of it, redirects included
  std::uint32_t max_redirects = 5;
  std::optional<std::string> out{};  ///< a file for the body
  bool body = false;                 ///< the body in the result, if it is text of at most 256 KiB
};
BOOST_DESCRIBE_STRUCT(FetchArgs, (), (url, max_bytes, timeout, max_redirects, out, body))

struct Fetched {
  std::string url;  ///< the last one, after redirects
  unsigned status = 0;
  std::uint32_t redirects = 0;
  std::map<std::string, std::string> headers{};
  std::uint64_t bytes = 0;
  std::string sha256{};
  std::optional<std::string> out{};
  std::optional<std::string> body{};
};
BOOST_DESCRIBE_STRUCT(Fetched, (), (url, status, redirects, headers, bytes, sha256, out, body))

/// What a host has for all its fetches. Made after the fork.
struct Runtime {
  asio::ssl::context tls = make_tls();
  asio::thread_pool disk{1};
};
std::unique_ptr<Runtime> runtime;

bool is_redirect(const Answer& answer) {
  constexpr std::array kCodes{301U, 302U, 303U, 307U, 308U};
  return std::find(kCodes.begin(), kCodes.end(), answer.status) != kCodes.end() && answer.headers.count("location") != 0;
}

/// The server is overloaded or broken: come back when it says, or as the task's policy says.
void retry_if_busy(const Answer& answer, const Url& url) {
  if (answer.status < 500 && answer.status != 429) return;
  const std::string message = url.text + ": the server answers " + std::to_string(answer.status);
  const std::string after = answer.header("retry-after");
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), seconds);
  if (after.empty() || error != std::errc() || end != after.data() + after.size()) throw conduit::Retry(message);
  throw conduit::Retry(std::min<std::chrono::milliseconds>(std::chrono::seconds(seconds), 1h), message);
}

bool is_text(const std::string& body) {
  try {
    static_cast<void>(conduit::Json(body).dump());
    return true;
  } catch (const conduit::JsonError&) {
    return false;
  }
}

/// Says how far the body is, a few times a second at the most.
class Progress {
 public:
  explicit Progress(conduit::Context& context) : context_(context) {}
  void show(std::uint64_t bytes, std::optional<std::uint64_t> length) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_ || !length || *length == 0) return;
    next_ = now + 200ms;
    context_.set_progress(static_cast<double>(bytes) / static_cast<double>(*length), std::to_string(bytes) + " bytes");
  }

 private:
  conduit::Context& context_;
  std::chrono::steady_clock::time_point next_{};
};

/// One fetch: exchanges until one is no redirect.
class Fetch {
 public:
  Fetch(const FetchArgs& args, conduit::Context& context, Url url)
      : args_(args), url_(std::move(url)), progress_(context) {
    std::string unfinished = "." + context.job_id() + ".part";
    std::replace_if(unfinished.begin(), unfinished.end(), [](char c) { return c == ':' || c == '/'; }, '-');
    std::optional<std::filesystem::path> out;
    if (args_.out) out = *args_.out;
    sink_ = std::make_unique<Sink>(runtime->disk, std::move(out), std::move(unfinished), args_.body ? kMostBody : 0);
  }

  /// Ends with error() or result(), never by throwing: `||` would go on waiting for the clock.
  asio::awaitable<void> run() {
    try {
      co_await follow();
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  Fetched result() {
    if (error_) std::rethrow_exception(error_);
    Fetched out{.url = url_.text, .status = answer_.status, .redirects = redirects_, .headers = answer_.headers,
                .bytes = sink_->bytes(), .sha256 = sink_->sha256(), .out = args_.out};
    if (sink_->kept() && is_text(*sink_->kept())) out.body = sink_->kept();
    return out;
  }
  [[nodiscard]] const Url& url() const { return url_; }

 private:
  asio::awaitable<void> follow() {
    for (;;) {
      Request request;
      request.url = url_;
      request.max_bytes = args_.max_bytes;
      request.body_to = [this](const Answer& answer) { return is_redirect(answer) ? nullptr : sink_.get(); };
      request.on_progress = [this](std::uint64_t bytes, std::optional<std::uint64_t> length) {
        progress_.show(bytes, length);
      };
      answer_ = co_await exchange(runtime->tls, std::move(request));
      if (!is_redirect(answer_)) break;
      if (redirects_ == args_.max_redirects) {
        throw conduit::Fail(args_.url + ": more than " + std::to_string(args_.max_redirects) + " redirects");
      }
      ++redirects_;
      const Url next = resolve(url_, answer_.header("location"));
      if (url_.secure && !next.secure) throw conduit::Fail(url_.text + " redirects to " + next.text + ", which is not secure");
      url_ = next;
    }
    retry_if_busy(answer_, url_);
  }

  const FetchArgs& args_;
  Url url_;
  Progress progress_;
  std::unique_ptr<Sink> sink_;
  Answer answer_;
  std::uint32_t redirects_ = 0;
  std::exception_ptr error_;
};

Url checked_url(const FetchArgs& args) {
  try {
    return parse_url(args.url);
  } catch (const BadUrl& error) {
    throw conduit::InvalidArguments(error.what(), "/url");
  }
}

/// "connect: Connection refused": without the place in a library's source that Boost adds in brackets.
std::string plain(const boost::system::system_error& error) {
  const std::string what = error.what();
  return what.substr(0, what.find(std::string(" [") + error.code().category().name()));
}

asio::awaitable<void> expiry(asio::steady_timer& timer) {
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<Fetched> fetch(FetchArgs args, conduit::Context& context) {
  using asio::experimental::awaitable_operators::operator||;
  Fetch fetch(args, context, checked_url(args));
  asio::steady_timer timer(co_await asio::this_coro::executor, args.timeout);
  auto running = fetch.run();
  auto over = expiry(timer);
  const auto first = co_await (std::move(running) || std::move(over));
  context.throw_if_cancelled();
  if (first.index() == 1) throw std::runtime_error(fetch.url().text + ": no answer within " + std::to_string(args.timeout.count()) + " ms");
  try {
    co_return fetch.result();
  } catch (const TooLarge& error) {
    throw conduit::Fail(fetch.url().text + ": " + error.what());
  } catch (const BadUrl& error) {
    throw conduit::Fail(error.what());
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(fetch.url().text + ": " + plain(error));
  }
}

}  // namespace
}  // namespace web

CONDUIT_PLUGIN("web", "1.0.0", plugin) {
  using namespace std::chrono_literals;
  plugin.task("web.fetch", web::fetch).executor(conduit::async).retries(3).timeout(5min);
  plugin.on_host_start([] { web::runtime = std::make_unique<web::Runtime>(); });
  plugin.on_host_stop([] { web::runtime.reset(); });
}
