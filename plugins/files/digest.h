#pragma once
// A message digest of OpenSSL's.

#include <conduit/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace files {

enum class Algorithm : std::uint8_t { sha256, sha1, md5 };
BOOST_DESCRIBE_ENUM(Algorithm, sha256, sha1, md5)

class Digest {
 public:
  /// Throws std::runtime_error where OpenSSL does not allow the algorithm.
  explicit Digest(Algorithm algorithm);
  void add(std::string_view bytes);
  /// In hexadecimal. Nothing can be added after it.
  [[nodiscard]] std::string finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;  // EVP_MD_CTX
};

}  // namespace files
