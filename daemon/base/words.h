#pragma once
// Numbers as a person reads them.

#include <cstdint>
#include <string>
#include <string_view>

namespace conduitd {

/// 20000 as "20,000".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// "1 job", "20,000 jobs".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);
/// "SIGSEGV" for 11.
[[nodiscard]] std::string signal_name(int number);

}  // namespace conduitd
