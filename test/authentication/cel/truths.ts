/** Claims of a token, and expressions about them that are true in the API server. */

export const claims = JSON.parse(`{
  "sub": "alice", "email": "alice@example.com", "until": 1700000300, "since": 1700000000, "big": 1234567, "half": 0.5,
  "small": 0.00001234, "zero": 0, "yes": true, "nothing": null, "roles": ["dev", "ops"], "mixed": ["a", 1, null],
  "csv": "a,b,c", "emoji": "a😀b", "nested": {"team": {"name": "x"}, "a.b": "dotted"}, "a.b": "top", "if": "word",
  "x__y__z": "strange", "deep__dot__": 1, "list": [[1, 2], [3]], "__proto__": {"polluted": "yes"}
}`) as Record<string, unknown>;

export const truths: readonly string[] = [
  ...['1 + 2 * 3 == 7', '7 / 2 == 3', '-7 / 2 == -3', '-7 % 3 == -1', '1.0 / 2.0 == 0.5', '2 - 3 == -1'],
  ...[
    'claims.until - claims.since <= 300',
    'claims.until > 1',
    '1 < claims.until',
    'claims.zero == 0',
    'claims.zero == 0.0',
  ],
  ...[
    'claims.half < 1',
    '"a" < "b"',
    'false < true',
    '"\\uFFFD" < "😀"',
    'claims.sub != 1',
    '!(claims.sub == null)',
  ],
  ...['claims.nothing == null', 'claims.roles == ["dev", "ops"]', 'claims.roles != ["ops", "dev"]'],
  ...['"dev" in claims.roles', '!("x" in claims.roles)', '1 in claims.mixed'],
  ...[
    '"team" in claims.nested',
    '"a" in {"a": 1}',
    '!(1 in claims.nested)',
    '{"a": claims.sub}.a == "alice"',
  ],
  ...[
    'has(claims.sub)',
    '!has(claims.none)',
    'has(claims.nested.team)',
    '!has(claims.sub.x)',
    '!has(claims.nothing.x)',
  ],
  ...['claims.?none.orValue(true) == true', 'claims.?email.orValue("x") == claims.email'],
  ...['claims.?nested.team.name.orValue("") == "x"', 'claims.?nested.?none.name.orValue("n") == "n"'],
  ...[
    'claims[?"none"].or(optional.of("o")).value() == "o"',
    '!claims.?none.hasValue()',
    'optional.none().or(optional.of(1)).hasValue()',
  ],
  ...[
    'claims.roles[?5].orValue("none") == "none"',
    'claims.roles[0] == "dev"',
    'claims["sub"] == "alice"',
    'claims.list[0][1] == 2.0',
  ],
  ...[
    'claims.a__dot__b == "top"',
    'claims.nested.a__dot__b == "dotted"',
    'claims.__if__ == "word"',
    '!has(claims.x__y__z)',
  ],
  ...[
    'claims.sub.startsWith("al") && claims.sub.endsWith("ce") && claims.sub.contains("li")',
    'claims.csv.split(",").size() == 3',
  ],
  ...[
    'claims.csv.split(",", 2)[1] == "b,c"',
    'claims.csv.split(",", 0) == []',
    'claims.csv.split(",", -1).size() == 3',
    '"ab".split("") == ["a", "b"]',
  ],
  ...[
    'claims.roles.join("+") == "dev+ops"',
    'claims.roles.join() == "devops"',
    'size(claims.emoji) == 3',
    'claims.emoji.size() == 3',
  ],
  ...[
    'claims.emoji.charAt(1) == "😀"',
    'claims.emoji.substring(2) == "b"',
    'claims.emoji.substring(1, 2) == "😀"',
    '"abc".charAt(3) == ""',
  ],
  ...[
    'claims.emoji.indexOf("b") == 2',
    '"abcabc".indexOf("b", 2) == 4',
    '"abcabc".lastIndexOf("b") == 4',
    '"abc".indexOf("x") == -1',
    '"abc".indexOf("c", 9) == -1',
  ],
  ...[
    '"ÄbC".lowerAscii() == "Äbc"',
    '"äbC".upperAscii() == "äBC"',
    '"\\u00a0 x\\u0085".trim() == "x"',
    '"\\ufeffx".trim() == "\\ufeffx"',
  ],
  ...[
    '"abab".replace("a", "x") == "xbxb"',
    '"ab".replace("", "-") == "-a-b-"',
    '"a.b".replace(".", "$&") == "a$&b"',
  ],
  ...[
    'claims.email.matches("^[a-z]+@example\\\\.com$")',
    '!claims.email.matches("^x")',
    'claims.csv.find("[b-z]") == "b"',
    'claims.csv.find("z") == ""',
  ],
  ...[
    'string(claims.big) == "1.234567e+06"',
    'string(123) == "123"',
    'string(claims.half) == "0.5"',
    'string(claims.small) == "1.234e-05"',
    'string(true) == "true"',
  ],
  ...[
    'string(123456.0) == "123456"',
    'string(claims.until) == "1.7000003e+09"',
    'string(-0.0001) == "-0.0001"',
    'string(2.0) == "2"',
  ],
  ...[
    'int(claims.big) == 1234567',
    'int("-12") == -12',
    'int(-1.9) == -1',
    'double(3) == 3.0',
    'bool("T")',
    'dyn(1) == 1.0',
  ],
  ...[
    'dyn(claims.roles).all(r, r.size() == 3)',
    'dyn(claims.roles).exists(r, r == "ops")',
    'dyn(claims.roles).exists_one(r, r == "ops")',
    '!dyn(claims.roles).exists_one(r, true)',
  ],
  ...[
    'dyn(claims.roles).map(r, r + "!") == ["dev!", "ops!"]',
    'dyn(claims.roles).map(r, r != "dev", r + "!") == ["ops!"]',
    'dyn(claims.roles).filter(r, r != "dev") == ["ops"]',
  ],
  ...[
    'dyn(claims.nested).exists(k, k == "team")',
    'dyn(claims.list).map(l, l.map(x, x * 2.0)) == [[2.0, 4.0], [6.0]]',
    '[].all(x, false)',
  ],
  ...[
    'dyn(claims.mixed).exists(x, x == "a")',
    'dyn(claims.mixed).exists(x, x < 2)',
    '!dyn(claims.mixed).all(x, x == "a" && x < "b")',
  ],
  ...[
    'claims.none == 1 || true',
    'true || claims.none',
    '!(false && claims.none)',
    '(claims.yes ? true : claims.none) == true',
    '(claims.sub + claims.none == "" || claims.yes)',
  ],
  ...[
    '["a"] + ["b"] == ["a", "b"]',
    'claims.roles + ["x"] == ["dev", "ops", "x"]',
    'r"\\n" == "\\\\n"',
    '"\\x41\\101" == "AA"',
  ],
  ...['dyn(9007199254740993) == 9007199254740992.0', '[1, 2][1] == 2'],
];
