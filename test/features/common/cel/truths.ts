/** Claims of a token, and expressions about them that are true in the API server. */

export const claims = JSON.parse(`{
  "sub": "alice", "email": "alice@example.com", "until": 1700000300, "since": 1700000000, "big": 1234567, "half": 0.5,
  "small": 0.00001234, "zero": 0, "yes": true, "nothing": null, "roles": ["dev", "ops"], "mixed": ["a", 1, null],
  "csv": "a,b,c", "emoji": "a😀b", "empty": "", "nested": {"team": {"name": "x"}, "a.b": "dotted"}, "a.b": "top", "if": "word",
  "x__y__z": "strange", "deep__dot__": 1, "list": [[1, 2], [3]], "__proto__": {"polluted": "yes"},
  "high": "\\ud83d", "low": "\\ude00", "levels": [[[[[[[[1]]]]]]]], "un__der": 1, "da-sh": 2, "sl/ash": 3,
  "maps": [{"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 1, "a": 1}]
}`) as Record<string, unknown>;

export const truths: readonly string[] = [
  ...String.raw`
string(dyn(claims.mixed[?1].orValue(""))) == "1" && string(claims.?zero.orValue("")) == "0"
(claims.mixed[?1].orValue("") + "!" != "" || true) && string(claims.zero + 1.0) == "1"
claims.high + claims.low == "\uFFFD\uFFFD" && !"😀".startsWith(claims.high) && claims.high == claims.low
1 + 2 * 3 == 7 && 7 / 2 == 3 && -7 / 2 == -3 && 1.0 / 2.0 == 0.5 && 2 - 3 == -1
claims.until - claims.since <= 300 && claims.until > 1 && 1 < claims.until && claims.zero == 0
claims.zero == 0.0 && claims.half < 1 && "a" < "b" && false < true && "\uFFFD" < "😀" && claims.sub != 1
!(claims.sub == null) && claims.nothing == null && claims.roles == ["dev", "ops"]
claims.roles != ["ops", "dev"] && "dev" in claims.roles && !("x" in claims.roles) && 1 in claims.mixed
"team" in claims.nested && !(1 in claims.nested) && has(claims.sub) && !has(claims.none)
has(claims.nested.team) && !has(claims.sub.x) && !has(claims.nothing.x)
claims.?none.orValue(true) == true && claims.?email.orValue("x") == claims.email
claims.?nested.team.name.orValue("") == "x" && claims.?nested.?none.name.orValue("n") == "n"
!claims.?none.hasValue() && claims.roles[?5].orValue("none") == "none" && claims.roles[0] == "dev"
claims["sub"] == "alice" && claims.list[0][1] == 2.0 && claims.?sub.value() == "alice"
claims.a__dot__b == "top" && claims.nested.a__dot__b == "dotted" && claims["a.b"] == "top"
claims.nested[?"a.b"].hasValue()
claims.sub.startsWith("al") && claims.sub.endsWith("ce") && claims.sub.contains("li")
claims.csv.split(",").size() == 3 && "ab".split("") == ["a", "b"] && claims.roles.join("+") == "dev+ops"
claims.roles.join() == "devops" && size(claims.emoji) == 3 && claims.emoji.size() == 3
claims.emoji.substring(2) == "b" && claims.emoji.substring(1, 2) == "😀" && claims.emoji.indexOf("b") == 2
claims.roles.indexOf("ops") == 1 && [1, 2, 1].indexOf(2) == 1 && claims.mixed.indexOf(1) == 1
claims.mixed.indexOf("x") == -1 && "abc".indexOf("x") == -1 && "ÄbC".lowerAscii() == "Äbc"
"äbC".upperAscii() == "äBC" && "abab".replace("a", "x") == "xbxb" && "ab".replace("", "-") == "-a-b-"
"a.b".replace(".", "$&") == "a$&b" && claims.email.matches("^[a-z]+@example\\.com$")
!claims.email.matches("^x") && string(claims.big) == "1.234567e+06" && string(123) == "123"
string(claims.half) == "0.5" && string(claims.small) == "1.234e-05" && string(true) == "true"
string(123456.0) == "123456" && string(claims.until) == "1.7000003e+09" && string(-0.0001) == "-0.0001"
string(2.0) == "2" && int(claims.big) == 1234567 && int("-12" + claims.empty) == -12
int(claims.half - 2.4) == -1 && int(claims.half + 1e15) == 1000000000000000 && dyn(1) == 1.0
dyn(claims.roles).all(r, r.size() == 3) && dyn(claims.roles).exists(r, r == "ops")
dyn(claims.roles).exists_one(r, r == "ops") && !dyn(claims.roles).exists_one(r, true)
dyn(claims.roles).map(r, r + "!") == ["dev!", "ops!"]
dyn(claims.roles).map(r, r != "dev", r + "!") == ["ops!"]
dyn(claims.roles).filter(r, r != "dev") == ["ops"] && dyn(claims.nested).exists(k, k == "team")
dyn(claims.list).map(l, dyn(l).map(x, x * 2.0)) == [[2.0, 4.0], [6.0]] && [].all(x, false)
dyn(claims.mixed).exists(x, x == "a") && dyn(claims.mixed).exists(x, x < 2)
!dyn(claims.mixed).all(x, x == "a" && x < "b") && (claims.none == 1 || true) && (true || claims.none)
!(false && claims.none) && ((claims.yes ? true : claims.none) == true)
((claims.sub + claims.none == "" || claims.yes)) && ["a"] + ["b"] == ["a", "b"]
claims.roles + ["x"] == ["dev", "ops", "x"] && r"\n" == "\\n" && "\x41\101" == "AA"
dyn(9007199254740993) == 9007199254740992.0 && [1, 2][1] == 2 && [1, 1 + 1].size() == 2
dyn(claims.maps).exists_one(m, m == claims.maps[0])
dyn(claims.maps).filter(m, m == claims.maps[3]).size() == 2 && claims.maps[3].size() == 2
9007199254740993 != 9007199254740992 && dyn("1") != dyn(1) && dyn(1) != 2.0
9007199254740992 < 9007199254740993 && !(9007199254740992.0 < 9007199254740993) && !("b" < "a")
["dev"] != claims.roles && ["dev", "x"] != claims.roles
string(1.0 / 0.0) == "+Inf" && string(-1.0 / 0.0) == "-Inf" && string(0.0 / 0.0) == "NaN"
string(-0.0) == "-0" && string(1000000.0) == "1e+06" && string(999999.0) == "999999" && string(1e21) == "1e+21"
int("+" + "12") == 12 && int(size(claims.roles)) == 2 && int(string(claims.zero)) == 0
string(dyn(claims.sub)) == "alice" && "a\"b".size() == 3 && true == (1 == 1) && 1 == 1 == true
claims.un__underscores__der == 1 && claims.da__dash__sh == 2 && claims.sl__slash__ash == 3
[string(claims.zero), "a"].size() == 2 && [dyn("a"), claims.nested.team].size() == 2
claims.emoji.split("").size() == 3 && "abc".indexOf("a") == 0 && "abc".substring(1, 1) == ""
"abc".substring(0, 2) == "ab" && claims.levels[0][0][0][0][0][0][0][0] == 1
`
    .trim()
    .split('\n'),
  `${'1 + '.repeat(99)}1 == 100`,
];
