"""Words for seeds: people, sentences.  Every function draws from the random.Random it is given."""
GIVEN = "Anna Jörg Zoë Bálint Chloé Dmitri Émile Fatima Günter Hélène Ida João Käthe Łukasz Márta Noël Oskar Pia Søren Tomáš".split()
FAMILY = "Müller Ångström Bäcker Čapek Dürr Fischer García Hoffmann Jansen Kovács Løvås Meyer Nováková O'Neill Öztürk Schmidt".split()
WORDS = """agenda answer backup budget calendar change customer deadline delivery document draft exchange estimate first forward
invoice kolab laptop later letter list meeting message minutes monday note number office order paper payment plan please
project question quarter reminder reply report review room schedule server signature status summer support team thanks
thursday ticket today tomorrow train travel update version visit week winter work über größer Straße naïve déjà""".split()


def person(chance):
    return chance.choice(GIVEN), chance.choice(FAMILY)


def sentence(chance, least=4, most=14):
    words = chance.choices(WORDS, k=chance.randint(least, most))
    return " ".join(words).capitalize() + "."


def paragraph(chance, sentences):
    return " ".join(sentence(chance) for _ in range(sentences))
