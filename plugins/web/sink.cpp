#include "sink.h"

#include <openssl/evp.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace asio = boost::asio;

namespace web {
namespace {

EVP_MD_CTX* raw(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void check(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL refuses SHA-256");
}

}  // namespace

void Sink::Free::operator()(void* context) const { EVP_MD_CTX_free(raw(context)); }

Sink::Sink(asio::thread_pool& disk, std::optional<std::filesystem::path> out, std::string unfinished, std::size_t keep)
    : disk_(disk), out_(std::move(out)), keep_(keep), digest_(EVP_MD_CTX_new()) {
  check(digest_ && EVP_DigestInit_ex(raw(digest_.get()), EVP_sha256(), nullptr) == 1);
  if (out_) unfinished_ = out_->parent_path() / std::move(unfinished);
  if (keep_ > 0) kept_.emplace();
}

Sink::~Sink() {
  if (!file_.is_open()) return;
  std::error_code ignored;
  std::filesystem::remove(unfinished_, ignored);
}

asio::awaitable<void> Sink::add(std::string_view piece) {
  bytes_ += piece.size();
  check(EVP_DigestUpdate(raw(digest_.get()), piece.data(), piece.size()) == 1);
  if (kept_ && kept_->size() + piece.size() > keep_) kept_.reset();
  if (kept_) kept_->append(piece);
  if (out_) co_await asio::co_spawn(disk_, write(piece), asio::use_awaitable);
}

asio::awaitable<void> Sink::finish() {
  if (out_) co_await asio::co_spawn(disk_, put_in_place(), asio::use_awaitable);
}

asio::awaitable<void> Sink::write(std::string_view piece) {
  if (!file_.is_open()) file_.open(unfinished_, std::ios::binary | std::ios::trunc);
  file_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
  if (!file_) throw std::system_error(errno, std::system_category(), "write " + unfinished_.string());
  co_return;
}

asio::awaitable<void> Sink::put_in_place() {
  const std::string_view nothing;
  co_await write(nothing);  // makes the file of an empty body
  file_.close();
  std::error_code error;
  if (!file_) error = std::error_code(errno, std::system_category());
  if (!error) std::filesystem::rename(unfinished_, *out_, error);
  if (!error) co_return;
  std::error_code ignored;
  std::filesystem::remove(unfinished_, ignored);
  throw std::system_error(error, "write " + out_->string());
}

std::string Sink::sha256() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  check(EVP_DigestFinal_ex(raw(digest_.get()), bytes.data(), &size) == 1);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4U];
    out += kHex[bytes[i] & 15U];
  }
  return out;
}

}  // namespace web
