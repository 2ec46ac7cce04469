/*
 * people.c - see people.h.
 */
#include "generate/people.h"

#include "bet/bet.h"

#include <string.h>

struct name {
    const char *text;
    size_t bytes;
};

/* clang-format off */
#define NAME(text) {text, sizeof(text) - 1}

static const struct name first_names[] = {
    NAME("Agustín"), NAME("Agustina"), NAME("Ailén"), NAME("Alejandro"), NAME("Ámbar"),
    NAME("Ana"), NAME("Ariana"), NAME("Axel"), NAME("Bautista"), NAME("Begoña"),
    NAME("Belén"), NAME("Benjamín"), NAME("Brisa"), NAME("Bruno"), NAME("Camila"),
    NAME("Candela"), NAME("Carla"), NAME("Catalina"), NAME("Ciro"), NAME("Delfina"),
    NAME("Diego"), NAME("Elías"), NAME("Emilia"), NAME("Ezequiel"), NAME("Facundo"),
    NAME("Florencia"), NAME("Franco"), NAME("Gabriel"), NAME("Guadalupe"), NAME("Ignacio"),
    NAME("Iñaki"), NAME("Isabella"), NAME("Joaquín"), NAME("José"), NAME("Josefina"),
    NAME("Juan"), NAME("Julián"), NAME("Lautaro"), NAME("Leandro"), NAME("Lionel"),
    NAME("Lourdes"), NAME("Lucas"), NAME("Lucía"), NAME("Luis"), NAME("Malena"),
    NAME("María"), NAME("Martín"), NAME("Martina"), NAME("Mateo"), NAME("Matías"),
    NAME("Milagros"), NAME("Nahuel"), NAME("Nicolás"), NAME("Ñusta"), NAME("Oriana"),
    NAME("Ramiro"), NAME("Rocío"), NAME("Rodrigo"), NAME("Santiago"), NAME("Sebastián"),
    NAME("Sofía"), NAME("Thiago"), NAME("Tomás"), NAME("Valentina"), NAME("Zoe"),
};

static const struct name second_names[] = {
    NAME("Abril"), NAME("Agustín"), NAME("Alberto"), NAME("Alejandro"), NAME("Andrés"),
    NAME("Ángel"), NAME("Ayelén"), NAME("Belén"), NAME("Daniel"), NAME("David"),
    NAME("del Pilar"), NAME("Emanuel"), NAME("Exequiel"), NAME("Gastón"), NAME("Inés"),
    NAME("Itatí"), NAME("Jazmín"), NAME("Lionel"), NAME("Luján"), NAME("Maximiliano"),
    NAME("Micaela"), NAME("Nicolás"), NAME("Sol"), NAME("Valentín"),
};

static const struct name last_names[] = {
    NAME("Abadía"), NAME("Acuña"), NAME("Agüero"), NAME("Álvarez"), NAME("Aranda"),
    NAME("Benítez"), NAME("Borges"), NAME("Britos"), NAME("Bustamante"), NAME("Cabrera"),
    NAME("Cáceres"), NAME("Cardozo"), NAME("Carrizo"), NAME("Castro"), NAME("Córdoba"),
    NAME("Delgado"), NAME("Díaz"), NAME("Domínguez"), NAME("Echagüe"), NAME("Escudero"),
    NAME("Fazzi"), NAME("Fernández"), NAME("Ferreyra"), NAME("Figueroa"), NAME("Flores"),
    NAME("Giménez"), NAME("Godoy"), NAME("Goicochea"), NAME("Gómez"), NAME("González"),
    NAME("Gutiérrez"), NAME("Ibáñez"), NAME("Juárez"), NAME("Leal"), NAME("López"),
    NAME("Lorca"), NAME("Maidana"), NAME("Mamani"), NAME("Mancuso"), NAME("Mansilla"),
    NAME("Marchi"), NAME("Mariani"), NAME("Martínez"), NAME("Medina"), NAME("Muñoz"),
    NAME("Núñez"), NAME("Ñáñez"), NAME("Ojeda"), NAME("Ortega"), NAME("Páez"),
    NAME("Peña"), NAME("Pereyra"), NAME("Pérez"), NAME("Quispe"), NAME("Ramírez"),
    NAME("Ríos"), NAME("Rodríguez"), NAME("Romero"), NAME("Rosales"), NAME("Ruiz"),
    NAME("Salamone"), NAME("Saldaña"), NAME("Sánchez"), NAME("Sosa"), NAME("Sotomayor"),
    NAME("Suárez"), NAME("Surace"), NAME("Valenzuela"), NAME("Vázquez"), NAME("Vega"),
    NAME("Villalba"), NAME("Ybáñez"), NAME("Zambrano"), NAME("Zárate"), NAME("de la Fuente"),
};
/* clang-format on */

#define COUNT(names) ((uint32_t)(sizeof(names) / sizeof(names)[0]))

enum {
    DOCUMENT_FIRST = 20000000, /* all of them have eight digits */
    DOCUMENT_COUNT = 20000000,
    DOCUMENT_DIGITS = 8,
    BIRTH_YEAR_FIRST = 1980,
    BIRTH_YEARS = 25,
    SECOND_NAME_PERCENT = 60,
    MONTHS = 12
};

/* splitmix64 (Steele, Lea, Flood 2014): one addition, then three rounds of mixing. */
uint32_t generate_below(struct generate_random *random, uint32_t bound)
{
    random->state += 0x9e3779b97f4a7c15U;
    uint64_t mixed = random->state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    mixed ^= mixed >> 31;
    return (uint32_t)(((mixed >> 32) * bound) >> 32);
}

static char *put_name(char *at, const struct name *name)
{
    memcpy(at, name->text, name->bytes);
    return at + name->bytes;
}

/* `digits` digits, with leading zeros. */
static char *put_digits(char *at, uint32_t value, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

/* Without leading zeros. */
static char *put_number(char *at, uint32_t value)
{
    unsigned digits = 1;
    for (uint32_t rest = value / 10; rest > 0; rest /= 10) {
        digits++;
    }
    return put_digits(at, value, digits);
}

static char *put_birthdate(char *at, struct generate_random *random)
{
    uint32_t year = BIRTH_YEAR_FIRST + generate_below(random, BIRTH_YEARS);
    uint32_t month = 1 + generate_below(random, MONTHS);
    uint32_t day = 1 + generate_below(random, bet_days_of_month(year, month));
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    return put_digits(at, day, 2);
}

size_t generate_row(struct generate_random *random, uint32_t number, char *row)
{
    char *at = put_name(row, &first_names[generate_below(random, COUNT(first_names))]);
    if (generate_below(random, 100) < SECOND_NAME_PERCENT) {
        *at++ = ' ';
        at = put_name(at, &second_names[generate_below(random, COUNT(second_names))]);
    }
    *at++ = ',';
    at = put_name(at, &last_names[generate_below(random, COUNT(last_names))]);
    *at++ = ',';
    at = put_digits(at, DOCUMENT_FIRST + generate_below(random, DOCUMENT_COUNT), DOCUMENT_DIGITS);
    *at++ = ',';
    at = put_birthdate(at, random);
    *at++ = ',';
    at = put_number(at, number);
    *at++ = '\r';
    *at++ = '\n';
    return (size_t)(at - row);
}
