#include "digest.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace files {
namespace {

const EVP_MD* method(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::sha256: return EVP_sha256();
    case Algorithm::sha1: return EVP_sha1();
    case Algorithm::md5: return EVP_md5();
  }
  return nullptr;
}

EVP_MD_CTX* raw(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void check(int result) {
  if (result != 1) throw std::runtime_error("OpenSSL refuses this digest: it may be switched off on this machine");
}

}  // namespace

void Digest::Free::operator()(void* context) const { EVP_MD_CTX_free(raw(context)); }

Digest::Digest(Algorithm algorithm) : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  check(EVP_DigestInit_ex(raw(context_.get()), method(algorithm), nullptr));
}

void Digest::add(std::string_view bytes) { check(EVP_DigestUpdate(raw(context_.get()), bytes.data(), bytes.size())); }

std::string Digest::finish() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  check(EVP_DigestFinal_ex(raw(context_.get()), bytes.data(), &size));
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4U];
    out += kHex[bytes[i] & 15U];
  }
  return out;
}

}  // namespace files
