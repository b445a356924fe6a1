#pragma once
// Where a body goes: into a digest always, into a file or into memory if asked.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace web {

/// Takes one body, piece by piece. Files are written by `disk`, for a disk may be slow and an event loop must not be.
class Sink {
 public:
  /// `out`: where the file is to be in the end; until then it stands beside it under `unfinished`. `keep`: the most
  /// bytes to keep in memory; 0: none.
  Sink(boost::asio::thread_pool& disk, std::optional<std::filesystem::path> out, std::string unfinished, std::size_t keep);
  /// Removes what was not finished.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// Throws std::system_error if the file cannot be written. `piece` must stay until it completes.
  boost::asio::awaitable<void> add(std::string_view piece);
  /// Puts the file in its place.
  boost::asio::awaitable<void> finish();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// In hexadecimal; call once, after finish().
  [[nodiscard]] std::string sha256();
  /// Nothing if it was longer than asked for.
  [[nodiscard]] const std::optional<std::string>& kept() const { return kept_; }

 private:
  boost::asio::awaitable<void> write(std::string_view piece);
  boost::asio::awaitable<void> put_in_place();

  struct Free {
    void operator()(void* context) const;
  };
  boost::asio::thread_pool& disk_;
  std::optional<std::filesystem::path> out_;
  std::filesystem::path unfinished_;
  std::size_t keep_;
  std::optional<std::string> kept_;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<void, Free> digest_;  // EVP_MD_CTX
  std::ofstream file_;                  // used by the pool's threads, one call at a time
};

}  // namespace web
